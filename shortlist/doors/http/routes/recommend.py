"""`/v1/recommend` and `/v1/rank`: lists for users, sessions and given candidates."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from shortlist.app.answers import Slate
from shortlist.app.questions import Question
from shortlist.app.recommend import recommend
from shortlist.doors.http import shapes, wire
from shortlist.doors.http.describe import described
from shortlist.doors.http.door import answer, door_of, read_model, read_query, run, validated

router = APIRouter(tags=["lists"])


@router.post("/v1/recommend", **described("A list for a user or a session.", shapes.SlateOut, body=wire.RecommendBody))
async def post_recommend(request: Request) -> Response:
    """The full form."""
    body = await read_model(request, wire.RecommendBody)
    return answer((await ask(request, body.question())).to_dict())


@router.get(
    "/v1/recommend/{user_id:path}", **described("A list for a user.", shapes.SlateOut, query=wire.RecommendQuery)
)
async def get_recommend(request: Request, user_id: str) -> Response:
    """The convenience form."""
    query = read_query(request, wire.RecommendQuery)
    body = validated(wire.RecommendBody, {"user_id": user_id, **query.model_dump(exclude_unset=True)})
    return answer((await ask(request, body.question())).to_dict())


@router.post("/v1/rank", **described("Your candidates in order.", shapes.RankOut, body=wire.RankBody))
async def post_rank(request: Request) -> Response:
    """Bring your own candidates."""
    body = await read_model(request, wire.RankBody)
    found = await ask(request, body.question())
    return answer({**found.to_dict(), "unscored": list(found.unscored)})


async def ask(request: Request, question: Question) -> Slate:
    """Run the use case and count what came of it."""
    door = door_of(request)
    if door.batches is None:
        found = await run(request, lambda: recommend(door.service, question))
    else:
        found = await door.batches.ask(question)
    short, degraded = found.shortfall is not None, found.degraded
    door.metrics.slate(found.surface, found.served_by, cold=found.cold_start, short=short, degraded=degraded)
    for stage, ms in found.stage_ms:
        door.metrics.stage(found.surface, stage, ms)
    for stage, rows in found.without_score:
        door.metrics.without_score(found.surface, stage, rows)
    for stage, rows in found.over_cap:
        door.metrics.over_cap(found.surface, stage, rows)
    return found
