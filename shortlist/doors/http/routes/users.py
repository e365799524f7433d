"""`/v1/users`: who is known, and what they did last."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from shortlist.app.users import user, users
from shortlist.doors.http import shapes, wire
from shortlist.doors.http.describe import described
from shortlist.doors.http.door import answer, door_of, read_query, require_key_for_people, run

router = APIRouter(tags=["people"])


@router.get("/v1/users", **described("Users whose id begins so.", shapes.UsersOut, query=wire.UsersQuery))
async def get_users(request: Request) -> Response:
    """Most active first."""
    require_key_for_people(request)
    query = read_query(request, wire.UsersQuery)
    service = door_of(request).service
    return answer(await run(request, lambda: users(service, query.q, query.limit)))


@router.get("/v1/users/{user_id:path}", **described("One user.", shapes.UserDetailOut, query=wire.NoQuery))
async def get_user(request: Request, user_id: str) -> Response:
    """An unknown user is 200 with `known` false."""
    require_key_for_people(request)
    read_query(request, wire.NoQuery)
    service = door_of(request).service
    return answer(await run(request, lambda: user(service, user_id)))
