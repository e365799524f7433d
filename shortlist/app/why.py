"""How a list came about, and why an item is not in it: from the recorded decision, made again at its own moment.

A decision is made again with the same question, `now` and seed. That needs the bundle that answered; under another one
only what was recorded can be told. Events that happened before `now` but arrived later can change the outcome, which is
then said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shortlist.app.decision import Run
from shortlist.app.encode import filter_of, requests_of
from shortlist.app.ids import check_id
from shortlist.app.questions import Question, SessionItem
from shortlist.app.recommend import run_pipeline, without
from shortlist.core.errors import ShortlistError, UnknownRequest
from shortlist.core.types import History, Requests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shortlist.app.service import Service
    from shortlist.app.state import State


DROPPING = ("filter", "early", "merge", "scorer", "selector", "reranker")
"""Kinds of stages that leave rows out."""


def why(service: Service, request_id: str) -> dict[str, Any]:
    """Stages and items of a decision, as recorded.

    Raises:
        UnknownRequest: not recorded, or no longer. BadRequest: not an id. StoreUnavailable: the ledger is away.
    """
    decision = _decision(service, request_id)
    start = len(decision["question"]["pages_before"])
    names = ("request_id", "user_id", "bundle", "surface", "spec_hash")
    return {
        **{name: decision[name] for name in names},
        "stages": [_stage(stage) for stage in decision["stages"]],
        "items": [_item(decision, j, start) for j in range(len(decision["items"]))],
    }


def why_not(service: Service, request_id: str, item_id: str) -> dict[str, Any]:
    """What became of one item on its way into a past list.

    Raises:
        As `why`.
    """
    decision = _decision(service, request_id)
    check_id(item_id, "item_id")

    def verdict(word: str, text: str, stage: str | None = None) -> dict[str, Any]:
        return {"request_id": request_id, "item_id": item_id, "verdict": word, "stage": stage, "text": text}

    if item_id in decision["items"]:
        return verdict("shown", "It is in the list.")
    state = service.state
    item = state.items.get(item_id)
    if item < 0:
        return verdict("unknown_item", "The catalogue has no such item.")
    if item_id in decision["question"]["pages_before"]:
        return verdict("shown", "It is on an earlier page.")
    if decision["bundle"] != state.bundle:
        return verdict("not_recorded", "Another bundle serves now, so the decision cannot be made again.")
    try:
        run = again(state, decision)
    except ShortlistError:
        return verdict("not_recorded", "The decision cannot be made again.")
    for stage in run.slates.trace.stages:
        if stage.dropped is not None and item in stage.dropped.tolist():
            kind = "was dropped by the filter" if stage.kind == "filter" else f"was left out by the {stage.kind}"
            return verdict("dropped", f"It {kind} '{stage.stage}'.", stage.stage)
    if item in run.slates.candidates.item.tolist():
        return verdict("cut", "It is in the list as it would be made now, but was not then: later events changed it.")
    return verdict("not_retrieved", "No source brought it, or it stood too low to be looked at.")


def _decision(service: Service, request_id: str) -> Mapping[str, Any]:
    found = service.recorder.get(check_id(request_id, "request_id"))
    if found is None:
        raise UnknownRequest(
            "No decision is recorded under that request id.",
            hint="Use the request_id of an answer; old ones are dropped.",
            field="request_id",
        )
    return found


def _stage(stage: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the trace; sources and hydrators drop nothing, they bring."""
    drops = stage["kind"] in DROPPING
    return {
        "stage": stage["stage"],
        "kind": stage["kind"],
        "rows_in": stage["in"],
        "rows_out": stage["out"],
        "dropped": max(0, stage["in"] - stage["out"]) if drops else 0,
        "ms": stage["ms"],
        "failed": stage.get("failed") or None,
        "skipped": bool(stage.get("skipped", False)),
    }


def _item(decision: Mapping[str, Any], j: int, start: int) -> dict[str, Any]:
    """Row `j` of the list: where it came from, and the numbers that decided."""
    numbers = {name: column[j] for name, column in decision["columns"].items() if name != "score"}
    sources = {name: numbers.pop(f"score.{name}", None) for name in decision["sources"][j]}
    return {
        "item_id": decision["items"][j],
        "position": start + j + 1,
        "score": decision["scores"][j],
        "sources": sources,
        "columns": {**numbers, "propensity": decision["propensities"][j]},
    }


def again(state: State, decision: Mapping[str, Any]) -> Run:
    """The recorded decision, made again with an explanation."""
    requests = asked_again(state, decision)
    runner, expression = state.runner(decision["surface"]), filter_of(state, decision["question"]["filter"])
    return run_pipeline(state, runner, requests, expression, explain=True, rescue=False)


def asked_again(state: State, decision: Mapping[str, Any]) -> Requests:
    """The batch of one that the recorded decision answered."""
    asked = decision["question"]
    candidates = asked["candidates"]
    question = Question(
        session=tuple(SessionItem(item_id, at) for item_id, at in asked["session"]),
        surface=decision["surface"],
        context=asked["context"],
        exclude=tuple(asked["exclude"]),
        candidates=None if candidates is None else tuple(candidates),
    )
    now, user_id = decision["now"], decision["user_id"]
    requests = requests_of(state, question, k=decision["k"], now=now, seed=asked["first_seed"], user_id=user_id)
    if asked["history"] is not None:
        items = [item for item in state.items.encode(asked["history"]).tolist() if item >= 0]
        requests = requests.with_history(History.of([items], [[now - 1.0] * len(items)]))
    shown = [item for item in state.items.encode(asked["pages_before"]).tolist() if item >= 0]
    return without(requests, shown)
