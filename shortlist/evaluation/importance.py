"""What each column is worth to a ranker: what it gained while learning, and what is lost when its values are shuffled.

The ranker's own shares (gain of trees, weights) say what it leaned on; shuffling says what that was good for, on rows
it has not learned from. A column's values trade places within each list, which takes away all that it says about the
order and nothing else; a column that is the same for a whole list trades places between lists. Lists are averaged per
user, and users are drawn again for the intervals, because the lists of one user are not independent.
Two columns that say the same cover for each other: each looks worthless alone.

Papers: Breiman, "Random Forests", 2001; Fisher, Rudin and Dominici, "All Models are Wrong, but Many are Useful", JMLR
2019 (reliance of any model on a column).
Cost: columns x shuffles scorings of all rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, EmptyTraining
from shortlist.core.types import Array, Candidates, Floats, Ints, Requests
from shortlist.data.splits import Split
from shortlist.evaluation.metrics.classification import auc_by_group
from shortlist.evaluation.rankers import truth_of
from shortlist.evaluation.replay import prepare
from shortlist.evaluation.result import plain
from shortlist.evaluation.stats import bootstrap_intervals
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.spec import PipelineSpec
from shortlist.pipeline.training import TrainingRows

Metric = Literal["auc", "ndcg", "log_loss"]

METRICS: Mapping[str, str] = {
    "auc": "AUC within a list",
    "ndcg": "NDCG of a list",
    "log_loss": "log loss of a list, nats a row",
}
"""What is lost, and its unit."""
PAST = "requests.history"
"""The name under which rankers that read the user's past count it."""
DRAWS = 1000


@dataclass(frozen=True)
class Column:
    """What one column is worth.

    Attributes:
        name: of the column.
        share: of what the ranker learned, by its own account; shares sum to one.
        loss: mean over users of what shuffling takes away (adds, for a loss), in units of the metric.
        low: lower end of its 95 % interval over users.
        high: upper end.
        shuffled: "within lists" or "between lists".
    """

    name: str
    share: float
    loss: float
    low: float
    high: float
    shuffled: str


@dataclass(frozen=True)
class Importance:
    """What the columns of one ranker are worth.

    Attributes:
        metric: key of `METRICS`.
        value: of the ranker as it is, mean over users.
        columns: most lost first.
        rows: how many were scored.
        lists: how many of them say something about the metric.
        users: how many of those are drawn again.
        shuffles: per column.
        seed: of shuffles and draws.
        made_up: whether lists are retrieved items among which one was asked for, because nothing was shown.
    """

    metric: str
    value: float
    columns: tuple[Column, ...]
    rows: int
    lists: int
    users: int
    shuffles: int
    seed: int
    made_up: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        columns = [{k: plain(v) if isinstance(v, float) else v for k, v in asdict(c).items()} for c in self.columns]
        return {**asdict(self), "value": plain(self.value), "columns": columns}


def importance(
    pipeline: Pipeline | PipelineSpec | str | Path,
    split: Split,
    *,
    metric: Metric = "auc",
    shuffles: int = 5,
    max_requests: int = 5_000,
    candidates: int = 100,
    seed: int = 0,
    threads: int = 2,
) -> dict[str, Importance]:
    """What the columns of every ranker of a pipeline are worth, by its label.

    Args:
        pipeline: a spec, its file or shipped name, fitted here on `split.train`; or a `Pipeline` fitted on just that.
        split: what comes after its cut is judged.
        metric: "auc" or "ndcg" within lists, or "log_loss" for rankers that give probabilities.
        shuffles: per column; their mean counts.
        max_requests: lists, the latest ones.
        candidates: rows per made-up list where nothing was shown.
        seed: of the fit, shuffles and draws.
        threads: cores the fit may use.

    Raises:
        BadConfig: no such metric, or the pipeline has no ranker on this data.
        EmptyTraining: no list holds both what was clicked and what was not.
    """
    if metric not in METRICS:
        raise BadConfig(f"Importance is not measured by '{metric}'.", hint=f"Use {', '.join(METRICS)}.", field="metric")
    replay = prepare(pipeline, split, FitContext(seed=seed, threads=threads), max_requests=max_requests)
    rankers = {label: model for label, model in replay.fitted.models.items() if hasattr(model, "fit_rows")}
    if not rankers:
        left_out = "; ".join(f"'{label}' {why}" for label, why in replay.fitted.notes.items())
        raise BadConfig(
            f"Pipeline '{replay.fitted.spec.name}' has no ranker here. {left_out}".rstrip(),
            hint="Columns are worth something to a ranker only; name a pipeline with one.",
        )
    rows = replay.rows(candidates=candidates, seed=seed)
    return {
        label: of_rows(ranker, rows, metric=metric, shuffles=shuffles, seed=seed, made_up=replay.shown is None)
        for label, ranker in rankers.items()
    }


def of_rows(
    ranker: Any, rows: TrainingRows, *, metric: Metric = "auc", shuffles: int = 5, seed: int = 0, made_up: bool = False
) -> Importance:
    """What the columns of a fitted ranker are worth on given rows, which it must not have learned from.

    A ranker of several tasks is judged by its first, on the rows of which that is known.
    """
    truth = truth_of(ranker, rows)
    rows = replace(rows, label=truth).take(np.isfinite(truth))
    shown = rows.shown
    requests = shown.requests
    table = Candidates(rows.group.astype(np.int32), rows.item, len(requests), dict(rows.columns))
    base = _per_list(metric, rows, ranker.score(requests, table)[:, 0])
    said = np.isfinite(base)
    if not said.any():
        raise EmptyTraining(
            "No list holds both what was clicked and what was not.", hint="Judge on more requests, or on a later cut."
        )
    user = requests.user[said]
    # Strangers are one each: nobody knows whether they are the same person.
    owner = np.unique(np.where(user < 0, -1 - np.arange(len(user)), user), return_inverse=True)[1]
    shares = ranker.importance()
    columns, losses, ways = list(shares), [], []
    for number, name in enumerate(columns):
        rng = np.random.default_rng([seed, number])
        lost = np.zeros(len(base))
        for _ in range(shuffles):
            asked, mixed, way = _shuffled(name, requests, table, rng)
            lost += base - _per_list(metric, rows, ranker.score(asked, mixed)[:, 0])
        losses.append(_by_owner(lost[said] / shuffles, owner))
        ways.append(way)
    table_of_losses = np.column_stack(losses)
    sign = -1.0 if metric == "log_loss" else 1.0
    low, high = bootstrap_intervals(sign * table_of_losses, draws=DRAWS, seed=seed)
    mean = sign * table_of_losses.mean(0)
    found = [
        Column(name, shares[name], float(mean[j]), float(low[j]), float(high[j]), ways[j])
        for j, name in enumerate(columns)
    ]
    found.sort(key=lambda column: (-column.loss, column.name))
    value = float(_by_owner(base[said], owner).mean())
    n_users = int(owner.max()) + 1
    return Importance(metric, value, tuple(found), len(rows), int(said.sum()), n_users, shuffles, seed, made_up)


def _shuffled(
    name: str, requests: Requests, table: Candidates, rng: np.random.Generator
) -> tuple[Requests, Candidates, str]:
    """The same question with one column's values in other places, and between what they were moved."""
    if name == PAST:
        other = rng.permutation(len(requests))
        return requests.with_history(requests.history.take(other)), table, "between lists"
    held = table.item if name == "candidates.item" else table.cols[name]
    level = not _varies(held, table)
    if level:
        # One value per list: lists trade theirs.
        first = table.offsets[:-1][np.bincount(table.row, minlength=table.n_requests) > 0]
        present = np.unique(table.row, return_inverse=True)[1]
        mixed: Array = held[first][rng.permutation(len(first))][present]
    else:
        # Sorted by list, then at random: every place keeps its list.
        mixed = held[np.lexsort((rng.random(len(table)), table.row))]
    way = "between lists" if level else "within lists"
    if name == "candidates.item":
        return requests, Candidates(table.row, mixed, table.n_requests, table.cols), way
    return requests, table.with_columns({name: mixed}), way


def _varies(column: Array, table: Candidates) -> bool:
    """Whether any list holds two values of the column."""
    same_row = table.row[1:] == table.row[:-1]
    one, two = column[1:], column[:-1]
    differ = one != two
    if column.dtype.kind == "f":
        differ &= ~(np.isnan(one) & np.isnan(two))
    return bool((same_row & differ).any())


def _per_list(metric: str, rows: TrainingRows, score: Floats) -> Floats:
    """float64[B] of each list; NaN where it cannot be said."""
    n = len(rows.shown.requests)
    clicked = rows.label > 0
    if metric == "auc":
        return auc_by_group(clicked, np.asarray(score, np.float64), rows.group, n)[0]
    size = np.bincount(rows.group, minlength=n)
    clicks = np.bincount(rows.group, clicked, minlength=n)
    if metric == "log_loss":
        if not ((score >= 0) & (score <= 1)).all():
            raise BadConfig(
                "This ranker's scores are no probabilities.", hint="Use auc or ndcg, or calibrate it.", field="metric"
            )
        p = np.clip(score, 1e-12, 1 - 1e-12)
        loss = np.bincount(rows.group, -np.where(clicked, np.log(p), np.log1p(-p)), minlength=n)
        return np.where(size > 0, loss / np.maximum(size, 1), np.nan)
    # Among equals what was clicked stands last, as in every figure of lists.
    order = np.lexsort((clicked, -np.asarray(score, np.float64), rows.group))
    place = np.arange(len(order)) - np.searchsorted(rows.group, rows.group[order])
    gain = np.bincount(rows.group[order], clicked[order] / np.log2(place + 2.0), minlength=n)
    ideal = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(2, int(size.max(initial=0)) + 2)))])
    both = (clicks > 0) & (clicks < size)
    return np.where(both, gain / np.maximum(ideal[clicks.astype(np.int64)], 1e-12), np.nan)


def _by_owner(values: Floats, owner: Ints) -> Floats:
    """Mean of each user's lists."""
    return np.asarray(np.bincount(owner, values) / np.bincount(owner))
