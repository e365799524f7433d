"""How the rankers of a pipeline are taught: by choices the models behind their columns have not seen.

The retrievers whose scores a ranker reads are first fitted on what lies before a cut in time; the impressions after it,
run through the same pipeline as of the moment they were shown, are the lesson. Without impressions they are made up:
an event is asked for among what the pipeline would have retrieved at its moment, either events after the cut or, where
users come and go, the last ones of every user. Only a ranker that came out sound is
kept: one that found nothing, answers the same to everything or answers with no number would put lists in the order of
item ids, and is left out with a note instead.
Cost: one more fit of every retriever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadSpec, EmptyTraining, nearest_hint
from shortlist.core.registry import create
from shortlist.core.types import Candidates, History
from shortlist.data.splits.leave_last_out import leave_last_out
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.outcomes import CLICK
from shortlist.pipeline.run import Runner
from shortlist.pipeline.soundness import trouble
from shortlist.pipeline.spec import MODEL_KINDS, ModelSpec, PipelineSpec
from shortlist.pipeline.training import (
    TrainingRows,
    feature_columns,
    join_rows,
    latest,
    retrieved_rows,
    training_rows,
)

if TYPE_CHECKING:
    from shortlist.data.dataset import Dataset, Impressions
    from shortlist.stores.base import Ledger


NO_CHOICES = "the held-out part has no choices to learn from"
JUDGED = 20_000
"""Rows, the latest ones, whose scores decide whether a ranker is sound."""


@dataclass
class Taught:
    """What came of the lesson.

    Attributes:
        models: fitted rankers by label.
        notes: why one was left out, by label.
        seconds: time each fit took, by label.
    """

    models: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def teach(
    spec: PipelineSpec,
    rankers: Sequence[ModelSpec],
    retrievers: Sequence[ModelSpec],
    train: Dataset,
    ctx: FitContext,
    ledger: Ledger | None = None,
) -> Taught:
    """Fit the rankers of a spec.

    Args:
        spec: the pipeline whose columns they read.
        rankers: those to fit.
        retrievers: models that its stages need; fitted here on a part of `train` and thrown away.
        train: events; with impressions, rankers learn from them, without, from made-up ones.
        ctx: seed and threads.
        ledger: decisions whose logged columns are taken where impressions name them.

    Raises:
        BadSpec: a ranker asks for a column that is not there.
    """
    taught = Taught()
    made = _lesson(spec, retrievers, train, ctx, ledger)
    if isinstance(made, str):
        taught.notes = {model.label: f"left out: {made}" for model in rankers}
        return taught
    rows, runner = made
    for model in rankers:
        began = perf_counter()
        columns = _available(model, runner, tuple(rows.columns))
        ranker = create(model.use, *MODEL_KINDS, **{**model.config, "columns": columns})
        _refuse_unknown_tasks(model, getattr(ranker.config, "tasks", ()), spec)
        try:
            lesson = {name: rows.columns[name] for name in columns}
            ranker.fit_rows(lesson, rows.lesson(ranker.tasks), rows.group, ctx, shown=rows.shown)
        except EmptyTraining as error:
            taught.notes[model.label] = f"left out: {error.message}"
            continue
        trouble = _trouble(ranker, rows)
        if trouble:
            taught.notes[model.label] = f"left out: {trouble} in {len(rows)} shown items"
            continue
        taught.models[model.label] = ranker
        taught.seconds[model.label] = perf_counter() - began
    return taught


def fit_retrievers(
    models: Sequence[ModelSpec], data: Dataset, ctx: FitContext, seconds: dict[str, float] | None = None
) -> dict[str, Any]:
    """The models by label, fitted on `data`; how long each took goes into `seconds`."""
    fitted = {}
    for model in models:
        began = perf_counter()
        fitted[model.label] = create(model.use, *MODEL_KINDS, **model.config).fit(data, ctx)
        if seconds is not None:
            seconds[model.label] = perf_counter() - began
    return fitted


def shown_in(data: Dataset) -> Impressions | None:
    """The impressions, or None where there are none."""
    return data.impressions if data.impressions is not None and len(data.impressions) else None


def _lesson(
    spec: PipelineSpec, retrievers: Sequence[ModelSpec], train: Dataset, ctx: FitContext, ledger: Ledger | None
) -> tuple[TrainingRows, Runner] | str:
    """Rows to learn from and the pipeline that made them, or why there are none."""
    rules = spec.training
    shown = shown_in(train)
    if shown is None and rules.asked == "last":
        return _last_events(spec, retrievers, train, ctx)
    cut = float(np.quantile(train.interactions.at if shown is None else shown.at, 1.0 - rules.holdout))
    before = train.before(cut)
    if before.n_events == 0:
        return "nothing happened before the held-out part"
    runner = build(spec, offline_world(train, fit_retrievers(retrievers, before, ctx)), until="scorer")
    if shown is None:
        events = train.interactions
        order = events.time_order
        chosen = order[events.at[order] >= cut][-rules.max_impressions :]
        user, at = events.user[chosen], events.at[chosen]
        wanted = History(events.item[chosen], at, np.arange(len(chosen) + 1))
        rows = retrieved_rows(runner, train, user, at, wanted, candidates=rules.candidates, seed=ctx.seed)
    else:
        shown = latest(shown, after=cut, most=rules.max_impressions)
        # In order of time, so that what a ranker holds out of its last requests is the latest.
        shown = shown.take(np.argsort(shown.at, kind="stable"))
        rows = training_rows(runner, train, shown, ledger=ledger)
    return (rows, runner) if _choices(rows) else NO_CHOICES


def _last_events(
    spec: PipelineSpec, retrievers: Sequence[ModelSpec], train: Dataset, ctx: FitContext
) -> tuple[TrainingRows, Runner] | str:
    """A lesson from the last events of every user, each asked for with everything before it and nothing after.

    Models are fitted again for every step back, so that their scores know as much about the users as they will when
    they serve: just everything but what is asked.
    """
    rules = spec.training
    parts: list[TrainingRows] = []
    log, runner = train, None
    for step in range(rules.last_events):
        try:
            made = leave_last_out(log)
        except EmptyTraining:
            break
        test, log = made.test, made.train
        runner = build(spec, offline_world(log, fit_retrievers(retrievers, log, ctx)), until="scorer")
        late = np.argsort(test.now, kind="stable")[-max(1, rules.max_impressions // rules.last_events) :]
        rows = retrieved_rows(
            runner,
            log,
            test.user[late],
            test.now[late],
            test.truth.take(late),
            candidates=rules.candidates,
            seed=ctx.seed + step,
        )
        parts.insert(0, rows)
    if runner is None:
        return "nobody has two events, so none can be asked for"
    lesson = join_rows(parts)
    return (lesson, runner) if _choices(lesson) else NO_CHOICES


def _choices(rows: TrainingRows) -> bool:
    return bool(rows.label.any() and not rows.label.all())


def _trouble(ranker: Any, rows: TrainingRows) -> str:
    """Why a fitted ranker must not serve, judged on the rows it was taught with; "" if nothing is wrong with it."""
    if not any(ranker.importance().values()):
        return "found nothing to learn"
    last = rows.take(np.arange(len(rows)) >= len(rows) - JUDGED)
    asked = last.shown
    table = Candidates(asked.row.astype(np.int32), asked.item, len(asked.requests), dict(last.columns))
    return trouble(ranker.score(asked.requests, table), len(table), ranker.tasks)


def _refuse_unknown_tasks(model: ModelSpec, tasks: Sequence[str], spec: PipelineSpec) -> None:
    known = [CLICK, *spec.training.labels]
    for task in tasks:
        if task not in known:
            raise BadSpec(
                f"Model '{model.label}' has the task '{task}', for which the spec declares no label.",
                hint=nearest_hint(task, known) + f' Declare it: [training.labels.{task}] events = ["..."].',
                field="tasks",
            )


def _available(model: ModelSpec, runner: Runner, have: Sequence[str]) -> tuple[str, ...]:
    """The ranker's columns that exist here; those of stages that were left out are dropped, others are mistakes."""
    asked = tuple(model.config.get("columns", ())) or tuple(have)
    for name in asked:
        if name not in have and name not in runner.absent:
            known = feature_columns(runner)
            why = "is not one number per row" if name in known else "no hydrator provides"
            raise BadSpec(
                f"Model '{model.label}' asks for the column '{name}', which {why}.",
                hint=nearest_hint(name, have),
                field="columns",
            )
    return tuple(name for name in asked if name in have)
