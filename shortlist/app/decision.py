"""What is kept of a decision: what the pipeline's record effect writes, and the question it answered.

Effects run here, after the answer has left, on the recorder's thread. The effect's record says what was shown and why;
the question beside it makes the decision repeatable.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.app.answers import Slate
from shortlist.app.cursor import Page
from shortlist.app.questions import Question
from shortlist.core.types import History, Requests, Slates

if TYPE_CHECKING:
    from shortlist.app.state import State
    from shortlist.pipeline.run import Runner

MAX_EXCLUDED = 1_000
"""Excluded ids kept; a decision with more of them may come out otherwise when made again."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a pipeline for one question, with everything needed to make it again.

    Attributes:
        requests: the batch of one, as asked.
        slates: what came out.
        runner: the pipeline that answered.
        served_by: name of the rung.
        failed: code of what failed before it, or "".
    """

    requests: Requests
    slates: Slates
    runner: Runner
    served_by: str
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A list and how it was made.

    Attributes:
        question: what was asked.
        user_id: whose decision it is; erasing that user erases it.
        slate: what was answered.
        run: how it came about.
        page: what its page continued.
        history: what stood for the user, in item-to-item questions.
        at: wall time.
    """

    question: Question
    user_id: str | None
    slate: Slate
    run: Run
    page: Page
    history: History | None
    at: float


class Desk:
    """Stands for the ledger in the pipeline's world: takes what effects record, so that it is written in batches."""

    def __init__(self) -> None:
        self._taken: _Taken = _Taken()

    def record(self, *decisions: Mapping[str, Any]) -> None:
        """Take decisions; without a `collect` around it they are dropped."""
        self._taken.rows.extend(decisions)

    def collect(self) -> list[Mapping[str, Any]]:
        """What this thread recorded since it last asked."""
        rows, self._taken.rows = self._taken.rows, []
        return rows


def decision_of(state: State, made: Made) -> dict[str, Any] | None:
    """Run the effects and return the record of the decision; None if the pipeline records none."""
    slate, run, question = made.slate, made.run, made.question
    named = {"request_id": slate.request_id, "bundle": slate.bundle}
    if made.user_id is not None:
        named["user_id"] = made.user_id
    asked = run.slates.requests if run.slates.requests is not None else run.requests
    asked = asked.with_columns({name: np.array([value], object) for name, value in named.items()})
    state.desk.collect()
    for effect in run.runner.stages["effect"]:
        effect.apply(asked, run.slates, run.slates.trace)
    recorded = state.desk.collect()
    if not recorded:
        return None
    return {
        "user_id": None,
        **recorded[0],
        "at": made.at,
        "served_by": slate.served_by,
        "degraded": list(slate.degraded),
        "cold_start": slate.cold_start,
        "question": {
            "filter": question.filter,
            "context": dict(question.context),
            "session": [[event.item_id, event.occurred_at] for event in question.session],
            "history": None if made.history is None else state.items.decode(made.history.item),
            "exclude": list(question.exclude[:MAX_EXCLUDED]),
            "candidates": None if question.candidates is None else list(question.candidates),
            "pages_before": state.items.decode(made.page.shown),
            "first_seed": made.page.seed,
        },
    }


@dataclass
class _Taken(threading.local):
    """Rows of one thread."""

    rows: list[Mapping[str, Any]] = field(default_factory=list)
