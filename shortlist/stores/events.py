"""The four event kinds, validated: what a product may tell us, and nothing else.

`parse_event` turns a plain dict from any door into one frozen object or raises `BadRequest` that names the field and
says what to do. The rules are the same for HTTP, files and streams: unknown fields are errors, and `event_fields` says
what an id, a number and a time may be.

Cost: some ten microseconds per event, no I/O. Whether an event is new, repeated or contradictory is the log's business.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import orjson

from shortlist.core.errors import BadRequest, nearest_hint
from shortlist.stores.event_fields import (
    MAX_ID_BYTES,
    MAX_SKEW_S,
    NOT_AN_ID,
    check_fields,
    check_id,
    check_number,
    check_time,
    optional_id,
)

__all__ = [
    "KINDS",
    "MAX_EVENT_BYTES",
    "MAX_ID_BYTES",
    "MAX_SHOWN",
    "MAX_SKEW_S",
    "NOT_AN_ID",
    "VALUE_RANGE",
    "WIRE_FIELDS",
    "Event",
    "Impression",
    "Interaction",
    "ItemUpdate",
    "Shown",
    "UserUpdate",
    "check_fields",
    "check_id",
    "event_from_json",
    "parse_event",
]

MAX_EVENT_BYTES = 65_536
MAX_SHOWN = 500
# What a value may be where the type's meaning fixes it; any other type takes -1e9 to 1e9.
VALUE_RANGE: Mapping[str, tuple[float, float]] = {"rating": (0.0, 5.0), "dwell": (0.0, 86_400.0)}
ANY_VALUE = (-1e9, 1e9)
TYPE_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,63}", re.ASCII)


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
    """New or changed fields of an item; a null field is forgotten, fields not named stay.

    Attributes:
        item_id: which item.
        fields: values by name, as JSON.
    """

    kind: ClassVar[str] = "item"

    item_id: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUpdate(Event):
    """New or changed fields of a user; a null field is forgotten, fields not named stay.

    Attributes:
        user_id: which user.
        fields: values by name, as JSON.
    """

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
        "stated_at": check_time(raw.get("occurred_at"), received_at),
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
        value=1.0 if value is None else check_number(value, "value", *VALUE_RANGE.get(kind, ANY_VALUE)),
        request_id=optional_id(raw, "request_id"),
        session_id=optional_id(raw, "session_id"),
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
        user_id=optional_id(raw, "user_id"),
        session_id=optional_id(raw, "session_id"),
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
        propensity = check_number(propensity, f"{where}.propensity", 0.0, 1.0)
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
