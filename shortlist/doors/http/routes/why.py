"""`/v1/why` and `/v1/why-not`: the trace of one decision."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from shortlist.app.why import why, why_not
from shortlist.doors.http import shapes, wire
from shortlist.doors.http.describe import described
from shortlist.doors.http.door import answer, door_of, read_query, require_key_for_people, run

router = APIRouter(tags=["explanations"])


@router.get("/v1/why", **described("How a list came about.", shapes.WhyOut, query=wire.WhyQuery))
async def get_why(request: Request) -> Response:
    """Stages, sources and columns of the items shown."""
    require_key_for_people(request)
    query = read_query(request, wire.WhyQuery)
    service = door_of(request).service
    return answer(await run(request, lambda: why(service, query.request_id)))


@router.get("/v1/why-not", **described("Why an item is missing.", shapes.WhyNotOut, query=wire.WhyNotQuery))
async def get_why_not(request: Request) -> Response:
    """By which stage an item was dropped."""
    require_key_for_people(request)
    query = read_query(request, wire.WhyNotQuery)
    service = door_of(request).service
    return answer(await run(request, lambda: why_not(service, query.request_id, query.item_id)))
