"""Values and keys as Feast writes them: one value is a protocol buffer with a field per type, a key is packed by hand.

Types are those of Feast's `ValueType`. Maps, structs and sets of sets are not columns and are not read; functions that
a registry may hold are never loaded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from shortlist.core.errors import BadSpec
from shortlist.core.protobuf import collect, number, packed, signed, text
from shortlist.core.types import Array

ColumnType = Literal["number", "text", "truth", "time", "list", ""]
"""What a type is as a column; "" for what is no column."""

NAMES: Mapping[int, str] = {
    1: "bytes", 2: "string", 3: "int32", 4: "int64", 5: "double", 6: "float", 7: "bool", 8: "unix_timestamp",
    11: "bytes_list", 12: "string_list", 13: "int32_list", 14: "int64_list", 15: "double_list", 16: "float_list",
    17: "bool_list", 18: "unix_timestamp_list", 20: "map", 21: "map_list", 22: "bytes_set", 23: "string_set",
    24: "int32_set", 25: "int64_set", 26: "double_set", 27: "float_set", 28: "bool_set", 29: "unix_timestamp_set",
    32: "json", 33: "json_list", 34: "struct", 35: "struct_list", 36: "uuid", 37: "time_uuid", 38: "uuid_list",
    39: "time_uuid_list", 44: "decimal", 45: "decimal_list",
}  # fmt: skip
"""Names of Feast's types by number; a value's field has the number of its type."""
_TEXTS = {2, 32, 36, 37, 44}
_NUMBERS = {3, 4, 5, 6}
_LISTS = {12, 13, 14, 15, 16, 17, 18, 33, 38, 39, 45}
KEY_VERSIONS = (2, 3)
"""Ways of packing keys that are known: `entity_key_serialization_version`."""


def column_type(kind: int) -> ColumnType:
    """What a value type is as a column."""
    if kind in _NUMBERS:
        return "number"
    if kind in _TEXTS:
        return "text"
    if kind == 7:
        return "truth"
    if kind == 8:
        return "time"
    return "list" if kind in _LISTS else ""


def decode(message: bytes) -> Any:
    """The value of one message: int, float, str, bool, datetime (UTC) or list; None for nothing.

    Raises:
        ValueError: these bytes are no value, or one of a type that is not read.
    """
    found = {kind: values[-1] for kind, values in collect(message).items() if kind in NAMES or kind == 19}
    if not found or 19 in found:
        return None
    [(kind, value)] = found.items()
    if kind in (3, 4):
        return signed(value)
    if kind in (5, 6):
        return number(value)
    if kind == 7:
        return bool(value)
    if kind == 8:
        return _moment(signed(value))
    if kind in _TEXTS:
        return text(value)
    if kind in _LISTS:
        return _list(kind, value)
    raise ValueError(f"a value of type {NAMES[kind]} is no column")


def pack_key(names: Sequence[str], values: Sequence[Any], types: Sequence[int], version: int) -> bytes:
    """A key as the online store holds it: names in order, then values in the order of their names.

    Args:
        names: join keys.
        values: of the types, as `key_value` makes them.
        types: value types: 2 text, 3 and 4 integers, 8 times.
        version: `entity_key_serialization_version`, 2 or 3.
    """
    order = sorted(range(len(names)), key=lambda j: names[j])
    out = [struct.pack("<I", len(names))] if version > 2 else []
    for j in order:
        name = names[j].encode()
        out += [struct.pack("<I", 2), struct.pack("<I", len(name)) if version > 2 else b"", name]
    for j in order:
        value = values[j]
        cell = value.encode() if types[j] == 2 else struct.pack("<i" if types[j] == 3 else "<q", value)
        out += [struct.pack("<2I", types[j], len(cell)), cell]
    return b"".join(out)


def key_value(value: Any, kind: int, name: str) -> Any:
    """An id as the type that its join key is declared with; None for one that cannot be.

    Raises:
        BadSpec: keys of this type are not read.
    """
    if kind not in (2, 3, 4, 8):
        hint = "Keys of text and integers are read."
        raise BadSpec(f"The join key '{name}' is of type {NAMES.get(kind, kind)}.", hint=hint, field=name)
    if value is None or (kind == 2 and not isinstance(value, (str, int))):
        return None
    if kind == 2:
        return str(value)
    if isinstance(value, datetime):
        return int(value.timestamp())
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    bound = 1 << (31 if kind == 3 else 63)
    return whole if -bound <= whole < bound and (isinstance(value, str) or whole == value) else None


def as_column(values: Sequence[Any], kind: int) -> Array:
    """Values as a column of candidates.

    Returns:
        float64[n] with NaN for numbers, truth values (0, 1) and times (UTC seconds); objects with "" for text and ()
        for lists.
    """
    type_ = column_type(kind)
    if type_ in ("number", "truth", "time"):
        return np.array([np.nan if value is None else _float(value) for value in values], np.float64)
    out = np.empty(len(values), object)
    for j, value in enumerate(values):
        if type_ == "list":
            out[j] = () if value is None else tuple(value)
        else:
            out[j] = "" if value is None else str(value)
    return out


def _float(value: Any) -> float:
    return value.timestamp() if isinstance(value, datetime) else float(value)


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise ValueError("a time is out of range") from None


def _list(kind: int, message: memoryview) -> list[Any]:
    """Entries of a list message, packed or one by one."""
    parts = collect(message).get(1, [])
    if kind in (12, 33, 38, 39, 45):
        return [text(part) for part in parts]
    if kind in (15, 16):
        form = "<f4" if kind == 16 else "<f8"
        return [float(x) for part in parts for x in np.frombuffer(part, form)]
    whole = [x for part in parts for x in (packed(part) if isinstance(part, memoryview) else [part])]
    turn: Callable[[int], Any] = bool if kind == 17 else (lambda x: _moment(signed(x))) if kind == 18 else signed
    return [turn(x) for x in whole]


def check_version(version: Any) -> int:
    """The way in which keys are packed. Raises: BadSpec if it is not known."""
    if version not in KEY_VERSIONS:
        raise BadSpec(
            f"Keys packed in version {str(version)[:20]} are not read.",
            hint="Materialize with entity_key_serialization_version: 3.",
            field="entity_key_serialization_version",
        )
    return int(version)
