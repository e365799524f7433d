"""Events into the log and the live state: checked row by row, stored in one transaction, seen by the next question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shortlist.app.answers import EventStatus, Receipt
from shortlist.core.errors import BadRequest
from shortlist.stores.intake import MAX_BATCH, Outcome, take_in

if TYPE_CHECKING:
    from shortlist.app.service import Service
    from shortlist.app.state import State

__all__ = ["MAX_BATCH", "ingest"]


def ingest(service: Service, rows: Sequence[Any]) -> Receipt:
    """Take in a batch.

    Args:
        service: log and live state.
        rows: plain values as sent, at most 10,000.

    Returns:
        One status per row, in order: accepted, duplicate (of the same content), or rejected with a reason.

    Raises:
        TooMany: too many rows.
        StoreUnavailable, StoreTimeout: nothing was stored; send the batch again.
    """
    received_at = service.wall()
    state = service.state if service.serves else None
    refused = {n: error for n, row in enumerate(rows) if (error := _refusal(state, row)) is not None}
    good = [row for n, row in enumerate(rows) if n not in refused]
    found = service.append(lambda: take_in(service.log, good, received_at))
    ahead = sum((one.event.stated_at or 0.0) > received_at for one in found if one.event is not None)
    outcomes = iter(found)
    return Receipt(
        tuple(_rejected(rows[n], refused[n]) if n in refused else _status(next(outcomes)) for n in range(len(rows))),
        ahead,
    )


def _refusal(state: State | None, row: Any) -> BadRequest | None:
    """Why the live state could not hold an item or user event, asked before it is logged."""
    if state is None or not isinstance(row, dict) or row.get("event") not in ("item", "user"):
        return None
    fields = row.get("fields")
    if not isinstance(fields, dict) or not all(isinstance(name, str) for name in fields):
        return None
    try:
        state.check(row["event"], fields)
    except BadRequest as error:
        return BadRequest(error.message, hint=error.hint, field=f"fields.{error.field}" if error.field else "fields")
    return None


def _rejected(row: Any, error: BadRequest) -> EventStatus:
    sent = row.get("event_id")
    return EventStatus(
        sent if isinstance(sent, str) and len(sent) <= 256 else None, "rejected", str(error), error.field
    )


def _status(outcome: Outcome) -> EventStatus:
    return EventStatus(outcome.event_id, outcome.status, outcome.reason, outcome.field)
