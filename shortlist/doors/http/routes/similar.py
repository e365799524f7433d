"""`/v1/similar`: item to item."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from shortlist.app.similar import similar
from shortlist.doors.http import shapes, wire
from shortlist.doors.http.describe import described
from shortlist.doors.http.door import answer, door_of, read_model, read_query, run, validated

router = APIRouter(tags=["lists"])


@router.get("/v1/similar/{item_id:path}", **described("Items like this one.", shapes.SlateOut, query=wire.SimilarQuery))
async def get_similar(request: Request, item_id: str) -> Response:
    """The convenience form; an unknown item is 404."""
    query = read_query(request, wire.SimilarQuery)
    return await _answer(request, validated(wire.SimilarBody, {"item_id": item_id, **query.model_dump()}))


@router.post("/v1/similar", **described("Items like this one.", shapes.SlateOut, body=wire.SimilarBody))
async def post_similar(request: Request) -> Response:
    """The full form."""
    return await _answer(request, await read_model(request, wire.SimilarBody))


async def _answer(request: Request, body: wire.SimilarBody) -> Response:
    door = door_of(request)
    fields = None if body.return_fields is None else tuple(body.return_fields)
    found = await run(
        request,
        lambda: similar(
            door.service,
            body.item_id,
            k=body.k,
            surface=body.surface or "",
            filter=body.filter,
            exclude=tuple(body.exclude),
            explain=body.explain,
            return_fields=fields,
        ),
    )
    return answer(found.to_dict())
