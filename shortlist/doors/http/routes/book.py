"""The book's small API: `/health /recommend/{user_id} /search /ask /feedback`, thin over the same use cases."""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import APIRouter, Request, Response

from shortlist.app.answers import Pick
from shortlist.app.ask import MODE, ask
from shortlist.app.items import columns, item
from shortlist.app.questions import Question, TextQuestion
from shortlist.app.search import EMBEDDER, search
from shortlist.app.status import ready
from shortlist.doors.http import shapes, wire
from shortlist.doors.http.describe import described
from shortlist.doors.http.door import answer, door_of, read_model, read_query, require_key, run, validated
from shortlist.doors.http.routes.events import refused, store
from shortlist.doors.http.routes.recommend import ask as ask_for_list

router = APIRouter(tags=["book"])

SHOWN = ("title", "abstract", "category", "subcategory")


@router.get("/health", **described("Counts and modes.", shapes.BookHealthOut, query=wire.NoQuery))
async def get_health(request: Request) -> Response:
    """The book's health."""
    read_query(request, wire.NoQuery)
    now = ready(door_of(request).service)
    counts = {"articles": now["items"], "embedder": EMBEDDER, "has_ranker": now["ranker"] is not None}
    return answer({"status": "ok", **counts, "rag_mode": MODE})


@router.get("/recommend/{user_id:path}", **described("A list.", shapes.BookListOut, query=wire.BookQuery))
async def get_recommend(request: Request, user_id: str) -> Response:
    """The book's list of articles."""
    query = read_query(request, wire.BookQuery)
    body = validated(wire.RecommendBody, {"user_id": user_id, "k": query.k})
    found = await ask_for_list(request, Question(user_id=body.user_id, k=body.k, return_fields=_shown(request)))
    articles = [_article(one) for one in found.items]
    return answer({"user_id": user_id, "cold_start": found.cold_start, "recommendations": articles})


@router.get("/search", **described("Articles that match words.", shapes.BookSearchOut, query=wire.SearchQuery))
async def get_search(request: Request) -> Response:
    """The book's search."""
    query = read_query(request, wire.SearchQuery)
    question = TextQuestion(query.q, query.k, query.filter, _shown(request))
    service = door_of(request).service
    found = await run(request, lambda: search(service, question))
    return answer({"query": found.query, "results": [_article(one, with_score=True) for one in found.items]})


@router.post("/ask", **described("An answer that cites articles.", shapes.CitedOut, body=wire.AskBody))
async def post_ask(request: Request) -> Response:
    """The book's assistant, extractive."""
    body = await read_model(request, wire.AskBody)
    service = door_of(request).service
    return answer((await run(request, lambda: ask(service, body.query, body.k))).to_dict())


@router.post("/feedback", **described("Record a click.", shapes.BookFeedbackOut, body=wire.FeedbackBody, write=True))
async def post_feedback(request: Request) -> Response:
    """An unknown article is 404; the next list of that user sees the click."""
    require_key(request)
    body = await read_model(request, wire.FeedbackBody)
    service = door_of(request).service
    await run(request, lambda: item(service, body.news_id))
    event = {"event": "interaction", "event_id": f"feedback-{secrets.token_hex(12)}", "type": body.event}
    found = await store(request, [{**event, "user_id": body.user_id, "item_id": body.news_id}])
    if found.count("rejected"):
        return refused(request, found)
    return answer({"status": "recorded", "user_id": body.user_id, "news_id": body.news_id})


def _shown(request: Request) -> tuple[str, ...]:
    """The article's fields that this catalogue has."""
    known = columns(door_of(request).service)
    return tuple(name for name in SHOWN if name in known)


def _article(one: Pick, *, with_score: bool = False) -> dict[str, Any]:
    fields = one.fields or {}
    out: dict[str, Any] = {"id": one.item_id, **{name: str(fields.get(name) or "") for name in SHOWN}}
    return {**out, "score": round(one.score or 0.0, 4)} if with_score else out
