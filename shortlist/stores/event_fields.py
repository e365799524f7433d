"""Single values of an event, checked: ids, numbers, times and free fields.

Ids are opaque NFC text, numbers are finite and never strings or booleans, times are UTC seconds or ISO text with a
zone. Each check returns the value as it is stored or raises `BadRequest` that names the field, says what to do and
never repeats the value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any

from shortlist.core.errors import BadRequest

MAX_ID_BYTES = 256
MAX_SKEW_S = 300.0
"""How far ahead of our clock a sender's clock may be, seconds."""
EARLIEST_AT = 86_400.0
"""1970-01-02: anything earlier is a zero, a missing value or another unit."""
MILLISECONDS_FROM = 1e11
"""As seconds this is the year 5138, as milliseconds 1973: such a number is surely not seconds."""

# Clients write these by accident when they have no id; taken as ids they become one giant user.
NOT_AN_ID = frozenset({"anonymous", "nan", "none", "null", "undefined"})
FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
MAX_DEPTH = 6


def check_id(value: Any, name: str) -> str:
    """An external id that is safe to store, compare and print.

    Args:
        value: what was sent.
        name: the field, for the error.

    Returns:
        The same string: NFC, 1 to 256 bytes of UTF-8, no control, zero-width or direction characters, no surrogates,
        no white space at either end, and not one of the words that mean "no id".

    Raises:
        BadRequest: names the field.
    """
    if value is None:
        raise BadRequest(f"Field '{name}' is missing.", hint="Send a non-empty string.", field=name)
    if not isinstance(value, str):
        raise BadRequest(
            f"Field '{name}' must be a string.",
            hint="Ids are text even if they look like numbers; large numbers lose digits.",
            field=name,
        )
    if not value or len(value) > MAX_ID_BYTES:
        raise BadRequest(f"Field '{name}' must have 1 to {MAX_ID_BYTES} bytes.", hint="Shorten or hash it.", field=name)
    if not (value.isascii() and value.isprintable()):
        _check_unicode(value, name)
    if value != value.strip():
        raise BadRequest(f"Field '{name}' begins or ends with white space.", hint="Strip it first.", field=name)
    if value.casefold() in NOT_AN_ID:
        raise BadRequest(
            f"Field '{name}' is a word that clients write when they have no id.",
            hint="Leave unknown users out, or give each visitor an id of its own.",
            field=name,
        )
    return value


def check_fields(value: Any, name: str, *, reserved: Iterable[str] = ()) -> dict[str, Any]:
    """A flat or nested JSON object as stored: finite numbers, NFC text without NUL, bounded depth.

    Raises:
        BadRequest: names the entry ("fields.price").
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(f"Field '{name}' must be a JSON object.", hint='Send {"name": value, ...}.', field=name)
    for key in value:
        if not isinstance(key, str) or not FIELD_NAME.fullmatch(key):
            raise BadRequest(
                f"Field '{name}' has an entry whose name is not allowed.",
                hint="Use letters, digits, '_', '.', '-'; at most 64, beginning with a letter.",
                field=name,
            )
        if key in reserved:
            raise BadRequest(f"Field '{name}' repeats '{key}'.", hint=f"Leave '{key}' out.", field=f"{name}.{key}")
    cleaned: dict[str, Any] = _clean(value, name, 0)
    return cleaned


def optional_id(raw: Mapping[str, Any], name: str) -> str | None:
    """The id of that name, or None if it was not sent. Raises: BadRequest."""
    return None if raw.get(name) is None else check_id(raw[name], name)


def check_number(value: Any, name: str, low: float, high: float) -> float:
    """A finite number within bounds, as float. Raises: BadRequest names the field."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f"Field '{name}' must be a number.", hint="Send it without quotes.", field=name)
    # Compared before it is converted: a huge integer does not fit a float. NaN fails the comparison.
    if not low <= value <= high:
        raise BadRequest(f"Field '{name}' must be between {low:g} and {high:g}.", hint="Check the unit.", field=name)
    return float(value) + 0.0  # turns -0.0 into 0.0


def check_time(value: Any, received_at: float) -> float | None:
    """UTC seconds of `occurred_at`, or None if nothing was sent. Raises: BadRequest for other units and the future."""
    if value is None:
        return None
    name = "occurred_at"
    if isinstance(value, str):
        at = _iso_seconds(value)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(
            f"Field '{name}' must be seconds or ISO text.",
            hint="Send UTC seconds as a number, or 2026-11-22T12:00:00Z.",
            field=name,
        )
    elif isinstance(value, float) and not isfinite(value):
        raise BadRequest(f"Field '{name}' must be finite.", hint="Send UTC seconds as a number.", field=name)
    elif value >= MILLISECONDS_FROM:
        raise BadRequest(
            f"Field '{name}' is no time in seconds.", hint="It looks like milliseconds: divide by 1000.", field=name
        )
    else:
        at = float(value) if value > 0 else 0.0
    if at < EARLIEST_AT:
        raise BadRequest(
            f"Field '{name}' is before 1970-01-02.", hint="Send UTC seconds, or leave it out to mean now.", field=name
        )
    if at > received_at + MAX_SKEW_S:
        raise BadRequest(
            f"Field '{name}' is more than {MAX_SKEW_S:.0f} s in the future.",
            hint="Check the sender's clock and unit.",
            field=name,
        )
    return at


def _iso_seconds(value: str) -> float:
    hint = "Send UTC seconds as a number, or 2026-11-22T12:00:00Z with a zone."
    if len(value) > 40 or not value.isascii():
        raise BadRequest("Field 'occurred_at' is not an ISO time.", hint=hint, field="occurred_at")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise BadRequest("Field 'occurred_at' is not an ISO time.", hint=hint, field="occurred_at") from None
    if moment.tzinfo is None:
        raise BadRequest("Field 'occurred_at' has no time zone.", hint=hint, field="occurred_at")
    return moment.timestamp()


def _check_unicode(value: str, name: str) -> None:
    for char in value:
        group = unicodedata.category(char)
        if group in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            raise BadRequest(
                f"Field '{name}' has a control, zero-width, direction or surrogate character.",
                hint="Send visible text only.",
                field=name,
            )
    if len(value.encode()) > MAX_ID_BYTES:
        raise BadRequest(f"Field '{name}' must have 1 to {MAX_ID_BYTES} bytes.", hint="Shorten or hash it.", field=name)
    if not unicodedata.is_normalized("NFC", value):
        raise BadRequest(
            f"Field '{name}' is not in Unicode normal form C.",
            hint="Normalise ids to NFC where they are made.",
            field=name,
        )


def _clean(value: Any, name: str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise BadRequest(f"Field '{name}' is nested too deeply.", hint=f"At most {MAX_DEPTH} levels.", field=name)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _clean_text(value, name)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise BadRequest(f"Field '{name}' is a number beyond 64 bits.", hint="Send it as text.", field=name)
        return value
    if isinstance(value, float):
        if not isfinite(value):
            raise BadRequest(f"Field '{name}' is not a finite number.", hint="Send null if unknown.", field=name)
        return value + 0.0
    if isinstance(value, list):
        return [_clean(entry, name, depth + 1) for entry in value]
    if isinstance(value, dict):
        out = {}
        for key, entry in value.items():
            if not isinstance(key, str):
                raise BadRequest(f"Field '{name}' has a key that is not text.", hint="Use text keys.", field=name)
            clean_key = _clean_text(key, name)
            out[clean_key] = _clean(entry, f"{name}.{clean_key[:64]}" if depth == 0 else name, depth + 1)
        return out
    raise BadRequest(f"Field '{name}' holds something that is not JSON.", hint="Send text or numbers.", field=name)


def _clean_text(value: str, name: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadRequest(f"Field '{name}' has a lone surrogate.", hint="Send valid UTF-8.", field=name) from None
    return unicodedata.normalize("NFC", value.replace("\x00", ""))
