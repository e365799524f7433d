"""How well fitted rankers tell what was clicked from what was only shown, at the moment it was shown.

Each ranker is judged on the very rows that it would have scored when serving. Beside its figures stand those of each of
its columns alone, of a twin taught on shuffled labels (outside the band of chance, the judge itself leaks), and of a
twin in the hands of a careless evaluation, whose profiles, counts and models include the clicks to be scored.
Cost: one run of the pipeline up to the scorer and a fit of each ranker; for the careless figure one more fit of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from shortlist.core.contracts import FitContext
from shortlist.core.errors import ShortlistError
from shortlist.core.types import Array, Candidates, Floats, Ints
from shortlist.data.dataset import Impressions
from shortlist.data.splits import Split
from shortlist.evaluation.metrics import (
    auc,
    auc_by_chance,
    brier,
    calibration_error,
    gauc,
    log_loss,
    normalised_entropy,
    reliability,
    xauc,
)
from shortlist.evaluation.result import plain
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.outcomes import outcomes
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.run import Runner
from shortlist.pipeline.training import TrainingRows, latest, training_rows

LEAKY = "leaky: profiles, counts and models include the scored clicks"
"""Name of the careless figure."""


def judge_rankers(
    fitted: Pipeline, runner: Runner, split: Split, shown: Impressions, ctx: FitContext, leaky: bool
) -> dict[str, dict[str, Any]]:
    """Figures of each fitted ranker on the rows of logged impressions, by label.

    Args:
        fitted: the pipeline, fitted on what lies before the cut.
        runner: the same, over the whole log, read as of each impression.
        split: where the cut lies.
        shown: the impressions to be judged on.
        ctx: seed and threads of twins that are fitted for comparison.
        leaky: whether to work out the careless figure too.

    Returns:
        Empty without rankers, or where all or none of what was shown was clicked.
    """
    rankers = {label: model for label, model in fitted.models.items() if hasattr(model, "fit_rows")}
    if not rankers or not shown.clicked.any() or shown.clicked.all():
        return {}
    everything = training_rows(runner, split.data, shown)
    careless = _careless_rows(fitted, split, shown, ctx) if leaky else None
    out: dict[str, dict[str, Any]] = {}
    for label, ranker in rankers.items():
        columns = list(ranker.columns_)
        heads = _heads(ranker, everything)
        known = np.isfinite(truth_of(ranker, everything))
        rows, score = everything.take(known), heads[known, 0]
        truth, user = truth_of(ranker, rows), shown.user[rows.group]
        out[label] = {
            "rows": len(rows),
            **_figures(truth, score, user, rows.group),
            "reliability": reliability(truth, score).to_dict() if _comes_true(truth, score) else None,
            "columns": {name: plain(auc(truth, rows.columns[name])) for name in columns},
            "shuffled": shuffled_labels(ranker, rows, ctx),
        }
        if careless is not None:
            past, now = careless
            twin = type(ranker)(**ranker.get_params())
            _fit(twin, past, columns, ctx)
            now = now.take(np.isfinite(truth_of(ranker, now)))
            figures = _figures(truth_of(ranker, now), _scores(twin, now), shown.user[now.group], now.group)
            out[label]["leaky"] = {"name": LEAKY, **figures}
        if len(ranker.tasks) > 1:
            out[label]["heads"] = _by_head(ranker, everything, heads, shown.user[everything.group])
        scenario = getattr(ranker.config, "scenario_column", "")
        if scenario:
            place = rows.columns[scenario]
            unseen = int((~np.isin(place, ranker.scenarios())).sum())
            out[label]["scenarios"] = {**by_scenario(truth, score, place), "unseen_rows": unseen}
    return out


def by_scenario(label: Floats, score: Floats, scenario: Array) -> dict[str, Any]:
    """AUC within each scenario and their plain mean, which no large scenario can lift by itself.

    Args:
        label: 0/1 [N].
        score: float[N].
        scenario: codes [N]; NaN is a scenario of its own, "missing".

    Returns:
        `macro_auc`, and under `auc` and `rows` the figures by scenario; AUC is None where there is one class only.
    """
    codes, place = np.unique(scenario, return_inverse=True)
    names = ["missing" if np.isnan(code) else f"{code:g}" for code in codes.astype(np.float64)]
    each = [auc(label[place == n], score[place == n]) for n in range(len(codes))]
    rows = np.bincount(place, minlength=len(codes)).tolist()
    return {
        "macro_auc": plain(gauc(label, score, place.astype(np.int64), weight="plain")),
        "auc": {name: plain(value) for name, value in zip(names, each, strict=True)},
        "rows": dict(zip(names, rows, strict=True)),
    }


def _by_head(ranker: Any, rows: TrainingRows, score: Floats, user: Ints) -> dict[str, Any]:
    """Figures of each task on the rows whose label is known.

    In a funnel also those of each step given the one before, on the rows that got that far: only they can judge it.
    """
    lesson = rows.lesson(ranker.tasks)
    assert isinstance(lesson, dict)
    labels = np.stack([lesson[task] for task in ranker.tasks], axis=1)
    judged = [(task, labels[:, t], score[:, t]) for t, task in enumerate(ranker.tasks)]
    if getattr(ranker, "is_funnel", False):
        step = np.divide(score[:, 1:], score[:, :-1], out=np.zeros_like(score[:, 1:]), where=score[:, :-1] > 0)
        for t, (before, task) in enumerate(pairwise(ranker.tasks)):
            judged.append((f"{task}|{before}", np.where(labels[:, t] > 0, labels[:, t + 1], np.nan), step[:, t]))
    out = {}
    for name, label, value in judged:
        known = np.isfinite(label)
        figures = _figures(label[known], value[known], user[known], rows.group[known]) if known.any() else {}
        out[name] = {"rows": int(known.sum()), **figures}
    return out


def truth_of(ranker: Any, rows: TrainingRows) -> Floats:
    """float64[N], the label of the first task, which is what the ranker's score is judged by; NaN is not known yet."""
    lesson = rows.lesson(ranker.tasks)
    return lesson[ranker.tasks[0]] if isinstance(lesson, dict) else lesson


def shuffled_labels(ranker: Any, rows: TrainingRows, ctx: FitContext) -> dict[str, float] | None:
    """A twin of the ranker taught and judged on labels that mean nothing: outside the band of chance, the judge leaks.

    Args:
        ranker: fitted; its settings and columns are used, what it learnt is not.
        rows: split in halves by request, the first to learn from.
        ctx: seed of the shuffle and of the fit.

    Returns:
        `auc` on the second half, and `low` and `high`, between which 99.7 % of such figures fall; None with too little
        data.
    """
    rng = np.random.default_rng(ctx.seed)
    half = rows.group < np.median(rows.group)
    # Shuffled within each half, so that neither half says anything about the other.
    order = np.arange(len(rows))
    order[half], order[~half] = rng.permutation(order[half]), rng.permutation(order[~half])
    # Labels of one row stay together: what one task says of another is no leak.
    labels = {name: label[order] for name, label in rows.labels.items()}
    mixed = replace(rows, label=rows.label[order], labels=labels)
    label = truth_of(ranker, mixed)
    if not _both(label[half]) or not _both(label[~half]):
        return None
    # A curve cannot be learned from labels that mean nothing, and would change no order.
    twin = type(ranker)(**{**ranker.get_params(), "calibration": "none"})
    _fit(twin, mixed.take(half), ranker.columns_, ctx)
    judged, label = mixed.take(~half), label[~half]
    some = int(np.count_nonzero(label))
    low, high = auc_by_chance(some, len(label) - some)
    return {"auc": auc(label, _scores(twin, judged)), "low": low, "high": high}


def _figures(label: Floats, score: Floats, user: Ints, group: Ints) -> dict[str, float | None]:
    """Figures of scored rows; those of probabilities only where the scores are some, and of amounts where labels are.

    AUC of amounts tells rows with some from rows without any.
    """
    figures = {
        "auc": auc(label, score),
        "gauc": gauc(label, score, user),
        "uauc": gauc(label, score, user, weight="plain"),
        "impression_auc": gauc(label, score, group, weight="plain"),
    }
    if not _is_truth(label):
        figures["xauc"] = xauc(label, score)
    if _comes_true(label, score):
        figures["log_loss"] = log_loss(label, score)
        figures["normalised_entropy"] = normalised_entropy(label, score)
        figures["brier"] = brier(label, score)
        figures["calibration_error"] = calibration_error(label, score)
    return {name: plain(value) for name, value in figures.items()}


def _comes_true(label: Floats, score: Floats) -> bool:
    """Whether the scores can be probabilities of the labels; a rank loss gives others, and amounts have none."""
    return bool(len(score) and np.isfinite(score).all() and score.min() >= 0 and score.max() <= 1 and _is_truth(label))


def _is_truth(label: Floats) -> bool:
    return bool(np.isin(label, (0.0, 1.0)).all())


def _careless_rows(
    fitted: Pipeline, split: Split, shown: Impressions, ctx: FitContext
) -> tuple[TrainingRows, TrainingRows] | None:
    """Rows to learn from and to be judged on, both read at the end of time with models that saw everything."""
    past = split.train.impressions
    if past is None or not len(past):
        return None
    models: dict[str, Any] = {}
    try:
        for label, model in fitted.models.items():
            if not hasattr(model, "fit_rows"):
                models[label] = type(model)(**model.get_params()).fit(split.data, ctx)
    except ShortlistError:
        return None
    runner = build(fitted.spec, offline_world(split.data, models), until="scorer")
    end = float(np.nextafter(max(split.data.interactions.at.max(), shown.at.max()), np.inf))
    rules = fitted.spec.training
    taught = latest(past, after=-np.inf, most=rules.max_impressions)

    def read(part: Impressions) -> TrainingRows:
        rows = training_rows(runner, split.data, replace(part, at=np.full(len(part), end)))
        # What became of an item still counts from the moment it was really shown.
        later = outcomes(rules.labels, split.data, part.user[rows.group], rows.item, part.at[rows.group], rows.label)
        return replace(rows, labels=later)

    return read(taught), read(shown)


def _fit(ranker: Any, rows: TrainingRows, columns: Sequence[str], ctx: FitContext) -> None:
    learned = {name: rows.columns[name] for name in columns}
    ranker.fit_rows(learned, rows.lesson(ranker.tasks), rows.group, ctx, shown=rows.shown)


def _heads(ranker: Any, rows: TrainingRows) -> Floats:
    requests = rows.shown.requests
    table = Candidates(rows.group.astype(np.int32), rows.item, len(requests), dict(rows.columns))
    return np.asarray(ranker.score(requests, table), np.float64)


def _scores(ranker: Any, rows: TrainingRows) -> Floats:
    return _heads(ranker, rows)[:, 0]


def _both(label: Array) -> bool:
    return bool(label.any() and not label.all())
