"""`/v1/surfaces`: named places and the pipelines behind them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from shortlist.app.status import surfaces
from shortlist.doors.http import shapes, wire
from shortlist.doors.http.describe import described
from shortlist.doors.http.door import answer, door_of, read_query

router = APIRouter(tags=["operations"])


@router.get("/v1/surfaces", **described("Surfaces and pipelines.", shapes.SurfacesOut, query=wire.NoQuery))
async def get_surfaces(request: Request) -> Response:
    """In the order of their names."""
    read_query(request, wire.NoQuery)
    return answer(surfaces(door_of(request).service))
