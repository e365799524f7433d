"""A batch of raw events into the log, with one outcome per row: the only way in, whatever the door.

Rows that do not parse are refused one by one with field and reason; the others are stored in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shortlist.core.errors import BadRequest, TooMany
from shortlist.stores.base import EventLog
from shortlist.stores.events import Event, parse_event

MAX_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row.

    Attributes:
        event_id: as sent, or None if it was not usable.
        status: "accepted", "duplicate" or "rejected".
        reason: why it was rejected, a sentence that names the field; "" otherwise.
        field: the field at fault, or None.
        event: the event if it was accepted (fold it into live state), else None.
    """

    event_id: str | None
    status: Literal["accepted", "duplicate", "rejected"]
    reason: str = ""
    field: str | None = None
    event: Event | None = None


def take_in(log: EventLog, raws: Sequence[Any], received_at: float) -> list[Outcome]:
    """Validate and store a batch.

    Args:
        log: where to.
        raws: plain dicts as sent.
        received_at: UTC seconds by our clock.

    Returns:
        One outcome per row, in order. A second event under a known id with other content is rejected; the first stays.

    Raises:
        TooMany: more than 10,000 rows.
        StoreUnavailable, StoreTimeout: nothing of the batch was stored.
    """
    if len(raws) > MAX_BATCH:
        raise TooMany(f"A batch may have at most {MAX_BATCH} events.", hint="Split it.", field="events")
    parsed: list[Event | BadRequest] = [_parse(raw, received_at) for raw in raws]
    events = [event for event in parsed if isinstance(event, Event)]
    statuses = iter(log.append(events))
    out = []
    for raw, event in zip(raws, parsed, strict=True):
        if isinstance(event, BadRequest):
            out.append(Outcome(_sent_id(raw), "rejected", str(event), event.field))
            continue
        status = next(statuses)
        if status == "accepted":
            out.append(Outcome(event.event_id, "accepted", event=event))
        elif status == "duplicate":
            out.append(Outcome(event.event_id, "duplicate"))
        else:
            reason = "Another event with this event_id and other content was stored first; it stays."
            out.append(Outcome(event.event_id, "rejected", reason, "event_id"))
    return out


def _parse(raw: Any, received_at: float) -> Event | BadRequest:
    try:
        return parse_event(raw, received_at)
    except BadRequest as error:
        return error


def _sent_id(raw: Any) -> str | None:
    """The row's id if it can be repeated without harm."""
    sent = raw.get("event_id") if isinstance(raw, dict) else None
    return sent if isinstance(sent, str) and len(sent) <= 256 and sent.isprintable() else None
