"""A new state answers a few questions before anybody sees it: to find out whether it can, and to pay for compilation.

What is compiled at its first call takes longer than a stage that waits may take, so a first question would be answered
with defaults, and so would those that arrive while it is compiled. Here such stages get `PATIENCE_S` instead of their
budget. What serving survives (an optional stage fails, a store is down and the popular items stand in) is survived here
as well and only told; what no stand-in mends, a stage that breaks its contract, refuses the bundle, because the one
before can still answer. What scoring takes here is measured as well and held against the budgets; it is told, and
changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from shortlist.app.reasons import reasons_of
from shortlist.core.errors import BundleMismatch, DeadlineExceeded, DependencyError, ShortlistError, StageError
from shortlist.core.types import History, Requests
from shortlist.pipeline.costs import ScorerCost, measure

if TYPE_CHECKING:
    from shortlist.app.state import State
    from shortlist.pipeline.run import Runner

PATIENCE_S = 60.0
"""Longest wait for a stage that compiles, or whose store is slow to wake up; what takes longer is waited for once."""
KNOWN = 2
"""Users with events that are asked for."""


def try_out(state: State) -> tuple[str, ...]:
    """Lists on every surface for nobody, for known users and for a session, with reasons; then by the stand-ins.

    Returns:
        What failed and will be survived in serving as well, as "surface: stage or what stands in: error code".

    Raises:
        BundleMismatch: a pipeline cannot answer.
    """
    troubles: dict[str, None] = {}
    patience = PATIENCE_S
    for surface, runner in state.runners.items():
        for requests in _questions(state, surface):
            try:
                found = _answered(state, surface, runner, requests, patience)
            except DependencyError as error:
                found = [f"pipeline: {error.code}"]
            if any(one.endswith(DeadlineExceeded.code) for one in found):
                patience = 0.0
            troubles |= dict.fromkeys(f"{surface}: {one}" for one in found)
    for surface, stand_in in state.rescues.items():
        requests = next(_questions(state, surface))
        try:
            if stand_in is not None:
                stand_in.run(requests, patience_s=patience)
        except ShortlistError as error:
            troubles[f"{surface}: stand-in: {error.code}"] = None
    return tuple(troubles)


def priced(state: State) -> tuple[ScorerCost, ...]:
    """What scoring takes on this machine, for the users with most events; no list depends on it.

    A state that has been tried out is measured, so that nothing is compiled any more.
    """
    costs: list[ScorerCost] = []
    most_active = np.argsort(-np.array(state.n_events, np.int64), kind="stable")[:KNOWN].tolist()
    for surface, runner in state.runners.items():
        requests = Requests.of([-1, *most_active], now=state.clock.now(), k=runner.spec.k, surface=surface)
        costs += measure(surface, runner, requests)
    return tuple(costs)


def _questions(state: State, surface: str) -> Iterator[Requests]:
    now = state.clock.now()
    events = np.array(state.n_events)
    known = np.flatnonzero(events > 0)[:KNOWN].tolist()
    for user in (-1, *known):
        yield Requests.of([user], now=now, k=10, surface=surface)
    if len(state.items):
        seen = Requests.of([-1], now=now, k=10, surface=surface)
        yield seen.with_history(History.of([[0]], [[now - 1.0]]))


def _answered(state: State, surface: str, runner: Runner, requests: Requests, patience: float) -> list[str]:
    try:
        slates = runner.run(requests, explain=True, patience_s=patience)
    except StageError as error:
        raise BundleMismatch(
            f"The pipeline of '{surface}' cannot answer: {error.message}",
            hint=error.hint or "Repair the stage and publish again.",
        ) from error
    if (slates.candidates.item >= len(state.items)).any():
        raise BundleMismatch(
            f"The pipeline of '{surface}' returns items that the bundle's vocabulary does not have.",
            hint="Publish models, data and specs of one training run together.",
        )
    for stage in slates.trace.stages:
        if stage.kind == "scorer" and 0 < stage.rows_out == stage.without_score:
            raise BundleMismatch(
                f"The scorer '{stage.stage}' of '{surface}' gives no candidate a number.",
                hint="Teach its model again and publish again.",
            )
    reasons_of(state, runner, slates)
    return [f"{stage.stage}: {stage.failed}" for stage in slates.trace.stages if stage.failed]
