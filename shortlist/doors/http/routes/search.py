"""`/v1/search` and `/v1/ask`: items by words, and answers that cite them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from shortlist.app.ask import ask
from shortlist.app.questions import TextQuestion
from shortlist.app.search import search
from shortlist.doors.http import shapes, wire
from shortlist.doors.http.describe import described
from shortlist.doors.http.door import answer, door_of, read_model, read_query, run

router = APIRouter(tags=["words"])


@router.get("/v1/search", **described("Items that match words.", shapes.FoundOut, query=wire.SearchQuery))
async def get_search(request: Request) -> Response:
    """Best match first."""
    query = read_query(request, wire.SearchQuery)
    fields = None if query.return_fields is None else tuple(query.return_fields)
    question = TextQuestion(query.q, query.k, query.filter, fields)
    service = door_of(request).service
    return answer((await run(request, lambda: search(service, question))).to_dict())


@router.post("/v1/ask", **described("An answer that cites items.", shapes.CitedOut, body=wire.AskBody))
async def post_ask(request: Request) -> Response:
    """Sentences of items only; says so when nothing matches."""
    body = await read_model(request, wire.AskBody)
    service = door_of(request).service
    return answer((await run(request, lambda: ask(service, body.query, body.k))).to_dict())
