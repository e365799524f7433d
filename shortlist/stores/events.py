"""The four event kinds, validated: what a product may tell us, and nothing else.

`parse_event` turns a plain dict from any door into one frozen object or raises `BadRequest` that names the field and
says what to do. The rules are the same for HTTP, files and streams: ids are opaque NFC text, numbers are finite and
never strings or booleans, unknown fields are errors, and times are UTC seconds or ISO text with a zone.

Cost: some ten microseconds per event, no I/O. Whether an event is new, repeated or contradictory is the log's business.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from math import isfinite
from typing import Any, ClassVar

import orjson

from shortlist.core.errors import BadRequest, nearest_hint

MAX_ID_BYTES = 256
MAX_EVENT_BYTES = 65_536
MAX_SHOWN = 500
MAX_SKEW_S = 300.0
"""How far ahead of our clock a sender's clock may be, seconds."""
EARLIEST_AT = 86_400.0
"""1970-01-02: anything earlier is a zero, a missing value or another unit."""
MILLISECONDS_FROM = 1e11
"""As seconds this is the year 5138, as milliseconds 1973: such a number is surely not seconds."""

# Clients write these by accident when they have no id; taken as ids they become one giant user.
NOT_AN_ID = frozenset({"anonymous", "nan", "none", "null", "undefined"})
# What a value may be where the type's meaning fixes it; any other type takes -1e9 to 1e9.
VALUE_RANGE: Mapping[str, tuple[float, float]] = {"rating": (0.0, 5.0), "dwell": (0.0, 86_400.0)}
ANY_VALUE = (-1e9, 1e9)
TYPE_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,63}", re.ASCII)
FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
MAX_DEPTH = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all four kinds share.

    Attributes:
        event_id: the sender's id of this event; the same id is stored once.
        received_at: UTC seconds by our clock.
        stated_at: UTC seconds by the sender's clock, or None if it said nothing.
    """

    kind: ClassVar[str] = ""

    event_id: str
    received_at: float
    stated_at: float | None = None

    @property
    def occurred_at(self) -> float:
        """UTC seconds: the stated time, never later than the moment of receipt."""
        return self.received_at if self.stated_at is None else min(self.stated_at, self.received_at)

    @property
    def subject(self) -> str | None:
        """The user whose erasure removes this event, or None."""
        user_id: str | None = getattr(self, "user_id", None)
        return user_id

    @property
    def digest(self) -> bytes:
        """16 bytes over everything the sender said, so that a repetition can be told from a contradiction."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "received_at"}
        raw = orjson.dumps([self.kind, said], option=orjson.OPT_SORT_KEYS)
        return hashlib.blake2b(raw, digest_size=16).digest()

    def to_json(self) -> bytes:
        """All fields as JSON; `event_from_json` reads it back."""
        return orjson.dumps(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction(Event):
    """What was done.

    Attributes:
        user_id: who.
        item_id: with what.
        type: the product's word for it, such as "click", "purchase", "rating", "dwell".
        value: stars, seconds, weight; 1 when the sender gave none.
        request_id: the answer it responds to, or None.
        session_id: the visit, or None.
        context: anything else, as JSON.
    """

    kind: ClassVar[str] = "interaction"

    user_id: str
    item_id: str
    type: str
    value: float = 1.0
    request_id: str | None = None
    session_id: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One item of an impression: where it stood and how probable it was to stand there (None = not known)."""

    item_id: str
    position: int
    propensity: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Impression(Event):
    """What was shown.

    Attributes:
        request_id: the answer that was shown.
        user_id: to whom, or None.
        items: in the order sent; positions are distinct.
        session_id: the visit, or None.
        context: anything else, as JSON.
    """

    kind: ClassVar[str] = "impression"

    request_id: str
    items: tuple[Shown, ...]
    user_id: str | None = None
    session_id: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemUpdate(Event):
    """New or changed fields of an item; a null field is forgotten, fields not named stay."""

    kind: ClassVar[str] = "item"

    item_id: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUpdate(Event):
    """New or changed fields of a user; a null field is forgotten, fields not named stay."""

    kind: ClassVar[str] = "user"

    user_id: str
    fields: Mapping[str, Any] = field(default_factory=dict)


KINDS: Mapping[str, type[Event]] = {k.kind: k for k in (Impression, Interaction, ItemUpdate, UserUpdate)}


def parse_event(raw: Any, received_at: float) -> Event:
    """Validate one event.

    Args:
        raw: a dict as the doors receive it; never changed.
        received_at: UTC seconds by our clock.

    Returns:
        `Interaction`, `Impression`, `ItemUpdate` or `UserUpdate`.

    Raises:
        BadRequest: `field` names what is wrong ("items.2.position"); the message does not repeat the value.
    """
    if not isinstance(raw, dict):
        raise BadRequest("An event must be a JSON object.", hint='Send {"event": "interaction", ...}.', field="event")
    kind = raw.get("event")
    if not isinstance(kind, str) or kind not in KINDS:
        name = kind if isinstance(kind, str) else ""
        raise BadRequest(
            "Field 'event' is not one of the four kinds.", hint=nearest_hint(name[:32], KINDS), field="event"
        )
    known = WIRE_FIELDS[kind]
    for name in raw:
        if name not in known:
            shown = "".join(c if c.isprintable() else "?" for c in name[:64]) if isinstance(name, str) else "?"
            raise BadRequest(
                f"An event of kind '{kind}' has a field it may not have.", hint=nearest_hint(shown, known), field=shown
            )
    common: dict[str, Any] = {
        "event_id": check_id(raw.get("event_id"), "event_id"),
        "received_at": float(received_at),
        "stated_at": _stated_at(raw.get("occurred_at"), received_at),
    }
    event = _BUILD[kind](raw, common)
    if len(event.to_json()) > MAX_EVENT_BYTES:
        raise BadRequest(
            f"The event is larger than {MAX_EVENT_BYTES} bytes.",
            hint="Send references instead of contents.",
            field=_BULK[kind],
        )
    return event


def event_from_json(kind: str, body: bytes | str) -> Event:
    """Rebuild what `to_json` wrote; trusted, so nothing is validated again."""
    values = orjson.loads(body)
    if kind == "impression":
        values["items"] = tuple(Shown(**shown) for shown in values["items"])
    return KINDS[kind](**values)


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


# --- private: one builder per kind ------------------------------------------------------------------------------------


def _interaction(raw: dict[str, Any], common: dict[str, Any]) -> Event:
    kind = raw.get("type")
    if not isinstance(kind, str) or not TYPE_NAME.fullmatch(kind):
        raise BadRequest(
            "Field 'type' must name what was done.",
            hint="Lower-case letters, digits, '_', '.', '-'; such as click, view, purchase, rating.",
            field="type",
        )
    value = raw.get("value")
    return Interaction(
        user_id=check_id(raw.get("user_id"), "user_id"),
        item_id=check_id(raw.get("item_id"), "item_id"),
        type=kind,
        value=1.0 if value is None else _number(value, "value", *VALUE_RANGE.get(kind, ANY_VALUE)),
        request_id=_optional_id(raw, "request_id"),
        session_id=_optional_id(raw, "session_id"),
        context=check_fields(raw.get("context"), "context"),
        **common,
    )


def _impression(raw: dict[str, Any], common: dict[str, Any]) -> Event:
    rows = raw.get("items")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_SHOWN:
        raise BadRequest(
            f"Field 'items' must be a list of 1 to {MAX_SHOWN} shown items.",
            hint='Each is {"item_id", "position", "propensity"?}.',
            field="items",
        )
    shown = tuple(_shown(row, f"items.{i}") for i, row in enumerate(rows))
    if len({s.position for s in shown}) < len(shown):
        raise BadRequest("Field 'items' has two rows with one position.", hint="Number the places.", field="items")
    return Impression(
        request_id=check_id(raw.get("request_id"), "request_id"),
        items=shown,
        user_id=_optional_id(raw, "user_id"),
        session_id=_optional_id(raw, "session_id"),
        context=check_fields(raw.get("context"), "context"),
        **common,
    )


def _shown(row: Any, where: str) -> Shown:
    if not isinstance(row, dict) or set(row) - {"item_id", "position", "propensity"}:
        raise BadRequest(
            f"Field '{where}' must be an object with item_id, position and propensity only.",
            hint="Put anything else into 'context'.",
            field=where,
        )
    position = row.get("position")
    if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position < 1_000_000:
        raise BadRequest(
            f"Field '{where}.position' must be a whole number from 0.",
            hint="Number the places of the page.",
            field=f"{where}.position",
        )
    propensity = row.get("propensity")
    if propensity is not None:
        propensity = _number(propensity, f"{where}.propensity", 0.0, 1.0)
        if propensity == 0.0:
            raise BadRequest(
                f"Field '{where}.propensity' must be greater than 0.",
                hint="What was shown had some probability; leave it out if unknown.",
                field=f"{where}.propensity",
            )
    return Shown(item_id=check_id(row.get("item_id"), f"{where}.item_id"), position=position, propensity=propensity)


def _item(raw: dict[str, Any], common: dict[str, Any]) -> Event:
    item_id = check_id(raw.get("item_id"), "item_id")
    return ItemUpdate(
        item_id=item_id, fields=check_fields(raw.get("fields"), "fields", reserved=("item_id",)), **common
    )


def _user(raw: dict[str, Any], common: dict[str, Any]) -> Event:
    user_id = check_id(raw.get("user_id"), "user_id")
    return UserUpdate(
        user_id=user_id, fields=check_fields(raw.get("fields"), "fields", reserved=("user_id",)), **common
    )


_BUILD: Mapping[str, Callable[[dict[str, Any], dict[str, Any]], Event]] = {
    "impression": _impression, "interaction": _interaction, "item": _item, "user": _user,
}  # fmt: skip
_BULK: Mapping[str, str] = {"impression": "items", "interaction": "context", "item": "fields", "user": "fields"}
_ALWAYS = ("event", "event_id", "occurred_at")
WIRE_FIELDS: Mapping[str, frozenset[str]] = {
    kind: frozenset(_ALWAYS) | {f.name for f in fields(cls)} - {"received_at", "stated_at"}
    for kind, cls in KINDS.items()
}


# --- private: values --------------------------------------------------------------------------------------------------


def _optional_id(raw: Mapping[str, Any], name: str) -> str | None:
    return None if raw.get(name) is None else check_id(raw[name], name)


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


def _number(value: Any, name: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f"Field '{name}' must be a number.", hint="Send it without quotes.", field=name)
    # Compared before it is converted: a huge integer does not fit a float. NaN fails the comparison.
    if not low <= value <= high:
        raise BadRequest(f"Field '{name}' must be between {low:g} and {high:g}.", hint="Check the unit.", field=name)
    return float(value) + 0.0  # turns -0.0 into 0.0


def _stated_at(value: Any, received_at: float) -> float | None:
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
