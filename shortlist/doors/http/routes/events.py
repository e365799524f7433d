"""`/v1/events`, `PUT /v1/items/{id}`, `PUT /v1/users/{id}`: what happened, into the log and into the next answer."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from shortlist.app.answers import Receipt
from shortlist.app.ingest import MAX_BATCH, ingest
from shortlist.core.errors import BadRequest, TooMany
from shortlist.doors.http import shapes, wire
from shortlist.doors.http.describe import described
from shortlist.doors.http.door import (
    answer,
    door_of,
    read_model,
    read_value,
    request_id_of,
    require_key,
    run,
)
from shortlist.doors.http.errors import problem

router = APIRouter(tags=["events"])

STATUSES = ("accepted", "duplicate", "rejected")
ONE = {"type": "object", "required": ["event", "event_id"], "properties": {"event": {"type": "string"}}}
BODY = {"oneOf": [ONE, {"type": "array", "items": ONE, "maxItems": MAX_BATCH}]}


@router.post("/v1/events", **described("One event, or up to 10,000.", shapes.ReceiptOut, body=BODY, write=True))
async def post_events(request: Request) -> Response:
    """Idempotent by `event_id`. A list is answered row by row; a single event that is refused is a 422."""
    require_key(request)
    value = await read_value(request, keep_nonfinite=True)
    if not isinstance(value, (dict, list)):
        raise BadRequest("The body must be an event or a list of events.", hint='Send {"event": ...}.', field="body")
    rows = value if isinstance(value, list) else [value]
    if len(rows) > MAX_BATCH:
        raise TooMany(f"A batch may have at most {MAX_BATCH} events.", hint="Split it.", field="events")
    found = await store(request, rows)
    if isinstance(value, dict) and found.count("rejected"):
        return refused(request, found)
    return answer(found.to_dict())


@router.put(
    "/v1/items/{item_id:path}",
    **described("Set fields of an item.", shapes.ReceiptOut, body=wire.FieldsBody, write=True),
)
async def put_item(request: Request, item_id: str) -> Response:
    """The same as one item event."""
    return await _put(request, "item", item_id)


@router.put(
    "/v1/users/{user_id:path}",
    **described("Set fields of a user.", shapes.ReceiptOut, body=wire.FieldsBody, write=True),
)
async def put_user(request: Request, user_id: str) -> Response:
    """The same as one user event."""
    return await _put(request, "user", user_id)


async def store(request: Request, rows: Sequence[Any]) -> Receipt:
    """Run the use case and count what came of it."""
    door = door_of(request)
    found = await run(request, lambda: ingest(door.service, rows))
    door.metrics.events({status: found.count(status) for status in STATUSES if found.count(status)})
    door.metrics.ahead(found.ahead)
    return found


def refused(request: Request, found: Receipt) -> Response:
    """The answer to a single event that was not taken: a problem that also carries the receipt."""
    row = found.rows[0]
    error = BadRequest("The event was refused.", hint=row.reason, field=row.field)
    return problem(error, request_id_of(request), **found.to_dict())


async def _put(request: Request, kind: str, external: str) -> Response:
    require_key(request)
    body = await read_model(request, wire.FieldsBody)
    event = {"event": kind, "event_id": f"put-{secrets.token_hex(12)}", f"{kind}_id": external, "fields": body.fields}
    found = await store(request, [event])
    return refused(request, found) if found.count("rejected") else answer(found.to_dict())
