"""Messages of protocol buffers read without their schema or a library: numbers and bytes by field number.

For files whose format is public and of which a few fields are needed: ONNX graphs, registries of feature stores.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Kinds of values."""


def fields(message: bytes | memoryview) -> Iterator[tuple[int, int, Any]]:
    """(number, kind, value) of each field, in order: int for VARINT, memoryview for the others.

    Raises:
        ValueError: these bytes are no message.
    """
    view, at = memoryview(message), 0
    while at < len(view):
        tag, at = _varint(view, at)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("a field has the number 0")
        if kind == VARINT:
            value: Any
            value, at = _varint(view, at)
        elif kind in (FIXED64, FIXED32, BYTES):
            size = {FIXED64: 8, FIXED32: 4}.get(kind, 0)
            if kind == BYTES:
                size, at = _varint(view, at)
            if size > len(view) - at:
                raise ValueError("a field is longer than its message")
            value, at = view[at : at + size], at + size
        else:
            raise ValueError(f"a field is of kind {kind}")
        yield number, kind, value


def collect(message: bytes | memoryview) -> dict[int, list[Any]]:
    """Values by field number, in order.

    Raises:
        ValueError: these bytes are no message.
    """
    out: dict[int, list[Any]] = {}
    for number, _, value in fields(message):
        out.setdefault(number, []).append(value)
    return out


def text(value: memoryview) -> str:
    """Bytes as text. Raises: ValueError if they are none."""
    return bytes(value).decode("utf-8")


def signed(value: int) -> int:
    """A varint as the signed 64-bit number that it may stand for."""
    return value - (1 << 64) if value >= 1 << 63 else value


def number(value: memoryview) -> float:
    """Four or eight bytes as a float."""
    found: float = struct.unpack("<f" if len(value) == 4 else "<d", value)[0]
    return found


def packed(value: memoryview) -> list[int]:
    """A packed list of varints."""
    out, at = [], 0
    while at < len(value):
        one, at = _varint(value, at)
        out.append(one)
    return out


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(view) or shift > 63:
            raise ValueError("a number does not end")
        byte = view[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value & (2**64 - 1), at
