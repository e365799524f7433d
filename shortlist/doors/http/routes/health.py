"""`/health/live`, `/health/ready`, `/metrics`: answered on the event loop, so that load cannot hide them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from shortlist._version import __version__
from shortlist.app.counted import ages, counted
from shortlist.app.status import costs, ready
from shortlist.doors.http import metrics, shapes, wire
from shortlist.doors.http.describe import described
from shortlist.doors.http.door import answer, door_of, read_query

router = APIRouter(tags=["health"])


@router.get("/health/live", **described("The process runs.", shapes.LiveOut, query=wire.NoQuery))
async def get_live(request: Request) -> Response:
    """Says nothing about bundles."""
    read_query(request, wire.NoQuery)
    return answer({"status": "live", "version": __version__})


@router.get("/health/ready", **described("A warmed bundle serves.", shapes.ReadyOut, query=wire.NoQuery))
async def get_ready(request: Request) -> Response:
    """503 until a verified bundle is loaded and warmed."""
    read_query(request, wire.NoQuery)
    return answer(ready(door_of(request).service))


@router.get("/metrics", **described("Prometheus metrics.", None, query=wire.NoQuery))
async def get_metrics(request: Request) -> Response:
    """Counters and histograms; no label names a user or an item."""
    door = door_of(request)
    state = counted(door.service), costs(door.service), ages(door.service)
    text = door.metrics.text(door.inside, *state)
    return Response(text, media_type=metrics.CONTENT_TYPE)
