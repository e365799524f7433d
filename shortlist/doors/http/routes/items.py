"""`GET /v1/items/{id}`: what the catalogue knows."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from shortlist.app.items import item
from shortlist.doors.http import shapes, wire
from shortlist.doors.http.describe import described
from shortlist.doors.http.door import answer, door_of, read_query, run

router = APIRouter(tags=["catalogue"])


@router.get("/v1/items/{item_id:path}", **described("One item.", shapes.ItemDetailOut, query=wire.NoQuery))
async def get_item(request: Request, item_id: str) -> Response:
    """An unknown item is 404."""
    read_query(request, wire.NoQuery)
    service = door_of(request).service
    return answer(await run(request, lambda: item(service, item_id)))
