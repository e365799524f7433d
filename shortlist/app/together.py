"""Several questions answered by one run of their pipeline: the same lists, and less work for each.

Questions are checked one by one, those of one pipeline that bring the same kinds of things are joined into a batch, and
each list is cut out of the answer. Stages never look across requests, so a list is the one that the question would get
alone (which tests compare id for id). Where the batch fails, or a part of it fails open, its questions are answered one
by one instead: what is wrong with one of them, or too much for a store at once, touches no other.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from shortlist.app.answers import Slate
from shortlist.app.decision import Run
from shortlist.app.questions import Question
from shortlist.app.recommend import Asked, finish, prepare, run_pipeline, skipped
from shortlist.core.errors import ShortlistError
from shortlist.core.types import History
from shortlist.pipeline.blocks import apart, join_requests

if TYPE_CHECKING:
    from shortlist.app.service import Service


def recommend_together(
    service: Service, questions: Sequence[Question], *, record: bool = True
) -> list[Slate | Exception]:
    """Answer questions that were asked at about the same time.

    Args:
        service: state and stores.
        questions: any, up to a few dozen.
        record: as in `recommend`.

    Returns:
        A slate for each, in order, or the error that `recommend` would raise.

    Raises:
        NoBundle: nothing is served yet.
    """
    state = service.state
    out: list[Slate | Exception | None] = [None] * len(questions)
    groups: dict[Hashable, list[tuple[int, Asked]]] = {}
    for n, question in enumerate(questions):
        try:
            asked = prepare(service, state, question)
        except Exception as error:
            out[n] = error
            continue
        groups.setdefault(_kind(asked), []).append((n, asked))
    for group in groups.values():
        runs = _run_together([asked for _, asked in group]) if len(group) > 1 else None
        for j, (n, asked) in enumerate(group):
            try:
                run = runs[j] if runs is not None else _alone(asked)
                out[n] = finish(service, asked, run, record)
            except Exception as error:
                out[n] = error
    return [one for one in out if one is not None]


def _kind(asked: Asked) -> Hashable:
    """Requests with the same can stand in one batch: pipeline, own candidates or not, columns of one type."""
    columns = tuple(sorted((name, column.dtype.kind) for name, column in asked.requests.cols.items()))
    return asked.requests.surface, asked.requests.given is None, columns


def _alone(asked: Asked) -> Run:
    return run_pipeline(asked.state, asked.runner, asked.requests, asked.expression, explain=False)


def _run_together(group: Sequence[Asked]) -> list[Run] | None:
    """One run of the pipeline, or None where each had better be answered alone."""
    runner, first = group[0].runner, group[0].requests
    nothing = History.empty(1)
    parts = [asked.requests for asked in group]
    if any(part.exclude is not None for part in parts):
        parts = [part if part.exclude is not None else replace(part, exclude=nothing) for part in parts]
    requests = join_requests(parts)
    filters = np.empty(len(group), object)
    filters[:] = [asked.expression for asked in group]
    if any(one is not None for one in filters):
        requests = requests.with_columns({"filter": filters})
    try:
        slates = runner.run(requests, skip=skipped(runner, first), apart=True)
    except ShortlistError:
        return None
    if slates.trace.degraded:
        return None
    served_by = runner.served_by(slates)
    return [Run(asked.requests, one, runner, served_by) for asked, one in zip(group, apart(slates), strict=True)]
