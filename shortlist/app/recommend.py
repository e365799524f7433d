"""A list for a user or a session: the one way from a question to a slate. Ranking given candidates goes the same way.

If the pipeline itself fails (a stage broke its contract, a dependency did not answer), the popular items answer
instead, behind the same filters, and the answer says so. Decisions are recorded after the answer has left.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.app.answers import Because, Pick, Slate
from shortlist.app.cursor import Page, read_cursor, write_cursor
from shortlist.app.decision import Made, Run, decision_of
from shortlist.app.encode import filter_of, k_of, number, requests_of, seed_of, user_of
from shortlist.app.fields import fields_of, wanted_columns
from shortlist.app.questions import MAX_K, Question
from shortlist.app.reasons import reasons_of
from shortlist.core.errors import DependencyError, ShortlistError, StageError
from shortlist.core.types import History, Requests, Slates
from shortlist.pipeline.stages.filters.duplicate_title import DuplicateTitle
from shortlist.pipeline.stages.filters.seen import Seen

if TYPE_CHECKING:
    from shortlist.app.service import Service
    from shortlist.app.state import State
    from shortlist.pipeline.run import Runner

__all__ = ["Question", "recommend"]

RESCUE = "popular"
"""`served_by` of a list that the pipeline could not make."""


def recommend(service: Service, question: Question, *, record: bool = True) -> Slate:
    """Answer a question.

    Args:
        service: state and stores.
        question: what is asked; an unknown user gets the list of a newcomer, flagged `cold_start`.
        record: whether effects run and the decision is kept; False for a look without consequences.

    Returns:
        At most k items, none twice; `shortfall` says how many are missing and no filter is relaxed to fill them.

    Raises:
        BadRequest: `k`, an id, a cursor or a column is not valid; `field` names it.
        BadExpression: the filter.
        UnknownSurface: the bundle does not serve it.
        NoBundle: nothing is served yet.
    """
    return answer(service, service.state, question, record=record)


def answer(
    service: Service, state: State, question: Question, *, history: History | None = None, record: bool = True
) -> Slate:
    """As `recommend`, over a given state and, for item-to-item questions, a history that stands for the user."""
    asked = prepare(service, state, question, history=history)
    return finish(
        service, asked, run_pipeline(state, asked.runner, asked.requests, asked.expression, explain=False), record
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that has been checked and turned into numbers.

    Attributes:
        state: over which it is answered.
        question: with its surface.
        runner: the pipeline.
        requests: a batch of one.
        expression: the parsed filter, or None.
        user_id: checked.
        request_id: of the answer.
        page: what it continues.
        columns: fields that are wanted, or None.
        history: what stands for the user, or None.
    """

    state: State
    question: Question
    runner: Runner
    requests: Requests
    expression: Any
    user_id: str | None
    request_id: str
    page: Page
    columns: Sequence[str] | None
    history: History | None = None


def prepare(service: Service, state: State, question: Question, *, history: History | None = None) -> Asked:
    """Check a question.

    Raises:
        As `recommend`.
    """
    question = replace(question, surface=state.surface(question.surface, "home"))
    runner = state.runner(question.surface)
    user_id = user_of(question)
    columns = wanted_columns(state.catalogue, question.return_fields, all_by_default=question.explain)
    expression = filter_of(state, question.filter)
    request_id = new_request_id(service.wall())
    page = Page(state.clock.now(), seed_of(request_id), ())
    if question.cursor is not None:
        page = read_cursor(question, state.bundle, latest=page.now, n_items=len(state.items))
    k = min(k_of(question.k, runner.spec.k), MAX_K - len(page.shown))
    if question.candidates is not None and question.k is None:
        k = min(len(question.candidates), MAX_K)
    requests = requests_of(state, question, k=k, now=page.now, seed=page.seed, user_id=user_id)
    if history is not None:
        requests = requests.with_history(history)
    requests = without(requests, page.shown)
    return Asked(state, question, runner, requests, expression, user_id, request_id, page, columns, history)


def finish(service: Service, asked: Asked, run: Run, record: bool) -> Slate:
    """From what the pipeline gave to an answer, and the decision on its way to the ledger."""
    state, question, page, history = asked.state, asked.question, asked.page, asked.history
    k = int(asked.requests.k[0])
    items, scores = listed(state, run.slates)
    reasons = reasons_of(state, run.runner, run.slates, beside=history is not None) if question.explain else None
    picks = _picks(state, items, scores, asked.columns, reasons, start=len(page.shown))
    shown = (*page.shown, *items)
    is_page = question.candidates is None
    more = is_page and len(items) == k and len(shown) < MAX_K
    stages = run.slates.trace.stages
    degraded = tuple(dict.fromkeys(filter(None, (run.failed, *run.slates.trace.degraded))))
    slate = Slate(
        request_id=asked.request_id,
        bundle=state.bundle,
        surface=question.surface,
        served_by=run.served_by,
        cold_start=is_cold(state, asked.requests),
        items=picks,
        degraded=(*degraded, "ledger") if service.recorder.degraded else degraded,
        shortfall=k - len(items) if len(items) < k else None,
        next_cursor=write_cursor(question, state.bundle, Page(page.now, page.seed, shown)) if more else None,
        unscored=_unscored(question, picks),
        stage_ms=tuple((stage.stage, stage.ms) for stage in stages),
        without_score=tuple((stage.stage, stage.without_score) for stage in stages if stage.without_score),
        over_cap=tuple(
            (stage.stage, stage.rows_in - stage.rows_out)
            for stage in stages
            if stage.kind == "scorer" and stage.rows_in > stage.rows_out
        ),
    )
    if record:
        made = Made(question, asked.user_id, slate, run, page, history, service.wall())
        service.recorder.submit(asked.request_id, lambda: decision_of(state, made))
    return slate


def run_pipeline(
    state: State, runner: Runner, requests: Requests, expression: Any, *, explain: bool, rescue: bool = True
) -> Run:
    """The pipeline's answer, or that of the popular items if it failed.

    Raises:
        ShortlistError: the pipeline failed and nothing could stand in for it.
    """
    # Whoever brings candidates wants them ranked, those the user had before included; what is forbidden still goes.
    skip = skipped(runner, requests)
    try:
        slates = runner.run(requests, filter=expression, explain=explain, skip=skip)
        return Run(requests, slates, runner, runner.served_by(slates))
    except (DependencyError, StageError) as error:
        stand_in = state.rescues.get(requests.surface)
        if stand_in is None or not rescue:
            raise
        failed = error.code
    try:
        return Run(requests, stand_in.run(requests, filter=expression, explain=explain), stand_in, RESCUE, failed)
    except ShortlistError:
        raise StageError("Neither the pipeline nor its stand-in could answer.") from None


def skipped(runner: Runner, requests: Requests) -> tuple[str, ...]:
    """Names of the stages that are left out for these requests."""
    return () if requests.given is None else _choices(runner)


def _choices(runner: Runner) -> tuple[str, ...]:
    """Names of the filters that choose among good items instead of forbidding bad ones."""
    stages = [stage for section in ("early", "filter") for stage in runner.stages.get(section, ())]
    return tuple(stage.name for stage in stages if isinstance(stage, Seen | DuplicateTitle))


def listed(state: State, slates: Slates) -> tuple[list[int], list[float | None]]:
    """Items and scores of a batch of one; a row whose id nobody knows yet is left out."""
    table = slates.candidates
    score = table.cols.get("score", np.full(len(table), np.nan))
    known = len(state.items)
    rows = [(int(i), number(s)) for i, s in zip(table.item, score, strict=True) if i < known]
    return [item for item, _ in rows], [score for _, score in rows]


def is_cold(state: State, requests: Requests) -> bool:
    """Whether nothing is known about who asks: no event of the user before now, and none brought along."""
    if len(requests.history.item):
        return False
    return not len(state.history.read(requests.user, requests.now, 1).item)


def without(requests: Requests, shown: Sequence[int]) -> Requests:
    """The same request, the given items excluded as well."""
    if not shown:
        return requests
    before = requests.exclude.item.tolist() if requests.exclude is not None else []
    return replace(requests, exclude=History.of([[*before, *shown]]))


def new_request_id(wall_at: float | None = None) -> str:
    """An id that sorts by time and cannot be guessed."""
    millis = int((time.time() if wall_at is None else wall_at) * 1000)
    return f"r{millis:011x}{secrets.token_hex(8)}"


def _picks(
    state: State,
    items: Sequence[int],
    scores: Sequence[float | None],
    columns: Sequence[str] | None,
    reasons: Mapping[int, tuple[Because, ...]] | None,
    *,
    start: int,
) -> tuple[Pick, ...]:
    ids = state.items.decode(items)
    return tuple(
        Pick(
            item_id=ids[j],
            score=scores[j],
            position=start + j + 1,
            reasons=None if reasons is None else reasons.get(item, ()),
            fields=None if columns is None else fields_of(state.catalogue, item, columns),
        )
        for j, item in enumerate(items)
    )


def _unscored(question: Question, picks: Sequence[Pick]) -> tuple[str, ...]:
    if question.candidates is None:
        return ()
    answered = {pick.item_id for pick in picks}
    return tuple(one for one in question.candidates if one not in answered)
