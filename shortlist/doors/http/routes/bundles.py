"""`/v1/bundles`: list, promote, roll back. All three need the key where one is set."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from shortlist.app.deploy import bundles, promote, rollback
from shortlist.doors.http import shapes, wire
from shortlist.doors.http.describe import described
from shortlist.doors.http.door import answer, door_of, read_model, read_query, require_key

router = APIRouter(tags=["operations"])


@router.get("/v1/bundles", **described("Published bundles.", shapes.BundlesOut, query=wire.NoQuery, write=True))
async def get_bundles(request: Request) -> Response:
    """Newest first."""
    require_key(request)
    read_query(request, wire.NoQuery)
    door = door_of(request)
    return answer(await door.slow.run(lambda: bundles(door.service)))


@router.post(
    "/v1/bundles/promote",
    **described("Serve another bundle.", shapes.ServingOut, body=wire.PromoteBody, write=True),
)
async def post_promote(request: Request) -> Response:
    """Verified and loaded aside before it replaces the serving one; a damaged bundle changes nothing."""
    require_key(request)
    body = await read_model(request, wire.PromoteBody)
    door = door_of(request)
    return answer({"bundle": await door.slow.run(lambda: promote(door.service, body.bundle))})


@router.post(
    "/v1/bundles/rollback",
    **described("Serve the bundle before.", shapes.ServingOut, body=wire.EmptyBody, write=True),
)
async def post_rollback(request: Request) -> Response:
    """Back to the bundle that served before this one."""
    require_key(request)
    await read_model(request, wire.EmptyBody)
    door = door_of(request)
    return answer({"bundle": await door.slow.run(lambda: rollback(door.service))})
