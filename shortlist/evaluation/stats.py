"""How sure are we: bootstrap intervals over users, and paired comparison of two systems on the same users.

Users, not rows, are drawn again with replacement, because the rows of one user are not independent. All metrics share
one matrix of draws, so their intervals belong together and cost one matrix product. Intervals are percentiles: honest
for means over hundreds of users, too narrow below about thirty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from shortlist.core.errors import BadConfig
from shortlist.core.types import Array, Floats, Ints
from shortlist.evaluation.metrics.classification import auc_by_group

CELLS = 4_000_000
"""Cells of one block of draws: 32 MB."""


def bootstrap_intervals(
    values: Floats, *, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[Floats, Floats]:
    """Percentile intervals of the means of several metrics.

    Args:
        values: float[B] or float[B, n], one row per user; NaN = undefined for that user, left out of the mean.
        draws: resamples of the users.
        level: coverage aimed at.
        seed: source of the draws.

    Returns:
        (low, high), each float64[n]; NaN where a metric is undefined for everybody.

    Raises:
        BadConfig: fewer than 10 draws or a level outside (0, 1).
    """
    if draws < 10 or not 0.0 < level < 1.0:
        raise BadConfig(f"An interval at level {level} cannot come from {draws} draws.", hint="Use 1000 and 0.95.")
    table = np.asarray(values, np.float64)
    table = table[:, None] if table.ndim == 1 else table
    means = _resampled_means(table, draws, seed)
    tail = (1.0 - level) / 2.0
    out = np.full((2, table.shape[1]), np.nan)
    for column in range(table.shape[1]):
        drawn = means[:, column]
        drawn = drawn[np.isfinite(drawn)]
        if len(drawn):
            out[:, column] = np.quantile(drawn, [tail, 1.0 - tail])
    return out[0], out[1]


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same users.

    Attributes:
        metric: what is compared.
        mean_a: mean of the first.
        mean_b: mean of the second.
        difference: mean of a - b over users.
        low: lower end of its interval.
        high: upper end of its interval.
        p: two-sided bootstrap p-value of "no difference"; never 0, at least 1 / (draws + 1).
        wins: users for whom a is better.
        ties: users for whom they are equal.
        losses: users for whom b is better.
    """

    metric: str
    mean_a: float
    mean_b: float
    difference: float
    low: float
    high: float
    p: float
    wins: int
    ties: int
    losses: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def compare_paired(
    a: Floats, b: Floats, *, metric: str = "", draws: int = 2000, level: float = 0.95, seed: int = 0
) -> Comparison:
    """Paired bootstrap of the mean difference a - b over users.

    Args:
        a: float[B], one value per user; users with NaN on either side are left out.
        b: float[B], of the same users.
        metric: name for the report.
        draws: resamples.
        level: of the interval.
        seed: source of the draws.

    Raises:
        BadConfig: different numbers of users, or nobody left to compare.
    """
    if len(a) != len(b):
        raise BadConfig(
            f"{len(a)} users cannot be paired with {len(b)}.", hint="Evaluate both on one split before comparing."
        )
    both = np.isfinite(a) & np.isfinite(b)
    if not both.any():
        raise BadConfig(f"No user has a value of '{metric}' on both sides.", hint="Compare another metric.")
    difference = np.asarray(a[both] - b[both], np.float64)
    mean = float(difference.mean())
    drawn = _resampled_means(difference[:, None], draws, seed)[:, 0]
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    # Under "no difference" the draws would scatter around zero as they now scatter around the mean.
    extreme = int((np.abs(drawn - mean) >= abs(mean) - 1e-12).sum())
    return Comparison(
        metric=metric,
        mean_a=float(np.mean(a[both])),
        mean_b=float(np.mean(b[both])),
        difference=mean,
        low=float(low),
        high=float(high),
        p=(extreme + 1.0) / (draws + 1.0),
        wins=int((difference > 0).sum()),
        ties=int((difference == 0).sum()),
        losses=int((difference < 0).sum()),
    )


def _resampled_means(table: Floats, draws: int, seed: int) -> Floats:
    """float64[draws, n], means over users drawn with replacement."""
    known = np.isfinite(table)
    filled = np.where(known, table, 0.0)
    parts = []
    for times in _draw_counts(len(table), draws, seed):
        n = times @ known
        parts.append(np.where(n > 0, times @ filled / np.where(n > 0, n, 1.0), np.nan))
    return np.concatenate(parts) if parts else np.empty((0, table.shape[1]))


def _draw_counts(n: int, draws: int, seed: int) -> Iterator[Array]:
    """How often each of n users is drawn, float64[d, n] for blocks of d draws."""
    rng = np.random.default_rng(seed)
    per_block = max(1, CELLS // max(n, 1))
    for start in range(0, draws, per_block):
        d = min(per_block, draws - start)
        picked = rng.integers(0, max(n, 1), (d, n)) + np.arange(d)[:, None] * n
        yield np.bincount(picked.ravel(), minlength=d * n).reshape(d, n).astype(np.float64)


def bootstrap_auc(
    label: Array, score: Floats, cluster: Ints, *, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of an AUC over all rows, or of the mean AUC of several models over the same rows.

    Clusters (users, requests) are drawn again with all their rows. AUC is no mean over rows, so it is worked out anew
    for every draw, rows counted as often as their cluster was drawn.

    Args:
        label: bool or 0/1 [N].
        score: float[N], or float[N, S] for the mean over S models; ties count half.
        cluster: int[N], any order; rows of their own: `np.arange(N)`.
        draws: resamples of the clusters.
        level: coverage aimed at.
        seed: source of the draws.

    Returns:
        (low, high); NaN if no draw has both classes.

    Raises:
        BadConfig: fewer than 10 draws, a level outside (0, 1), or arrays of different lengths.
    """
    table = _as_columns(score)
    _refuse_auc(label, table, cluster, draws, level)
    return _percentiles(_drawn_auc(label, table, cluster, draws, seed), level)


def bootstrap_auc_gain(
    label: Array, one: Floats, other: Floats, cluster: Ints, *, group: Array | None = None, draws: int = 1000,
    level: float = 0.95, seed: int = 0,
) -> tuple[float, float]:  # fmt: skip
    """Percentile interval of how much more AUC one model has than another on the same rows, in the same draws.

    Args:
        label: bool or 0/1 [N].
        one: float[N], or float[N, S] for the mean over S models.
        other: the same of what it is compared with.
        cluster: int[N], drawn again with all their rows; within one group each, where there are groups.
        group: [N], scenarios: then it is the plain mean of the gains within each.
        draws: resamples of the clusters.
        level: coverage aimed at.
        seed: source of the draws.

    Returns:
        (low, high); NaN if no draw has both classes in every group.

    Raises:
        BadConfig: fewer than 10 draws, a level outside (0, 1), or arrays of different lengths.
    """
    first, second = _as_columns(one), _as_columns(other)
    _refuse_auc(label, first, cluster, draws, level)
    _refuse_auc(label, second, cluster, draws, level)
    place = np.zeros(len(label), np.int64) if group is None else np.unique(group, return_inverse=True)[1]
    gains = []
    for number in range(int(place.max(initial=-1)) + 1):
        rows = place == number
        mine, own = np.asarray(label)[rows], np.asarray(cluster)[rows]
        # Clusters of different groups are different people, so every group is drawn by itself.
        had, have = (_drawn_auc(mine, table[rows], own, draws, seed + number) for table in (second, first))
        gains.append(have - had)
    return _percentiles(np.mean(gains, axis=0) if gains else np.empty(0), level)


def bootstrap_gauc(
    label: Array, score: Floats, group: Ints, *, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of the AUC within groups, weighted by their rows as in `gauc`; the groups are drawn again.

    Args:
        label: bool or 0/1 [N].
        score: float[N], or float[N, S] for the mean over S models; ties count half.
        group: int[N], users or requests, any order; those with one class count for nothing.
        draws: resamples of the groups.
        level: coverage aimed at.
        seed: source of the draws.

    Returns:
        (low, high); NaN if no group has both classes.

    Raises:
        BadConfig: fewer than 10 draws, a level outside (0, 1), or arrays of different lengths.
    """
    table, positive = _as_columns(score), np.asarray(label) > 0
    _refuse_auc(label, table, group, draws, level)
    known, dense = np.unique(group, return_inverse=True)
    judged = [auc_by_group(positive, table[:, column], dense, len(known)) for column in range(table.shape[1])]
    each = np.mean([found for found, _, _ in judged], axis=0)
    weight = np.where(np.isfinite(each), np.bincount(dense, minlength=len(known)), 0.0)
    worth = weight * np.nan_to_num(each)
    drawn = [
        np.divide(times @ worth, n, out=np.full(len(n), np.nan), where=n > 0)
        for times in _draw_counts(len(known), draws, seed)
        for n in (times @ weight,)
    ]
    return _percentiles(np.concatenate(drawn) if drawn else np.empty(0), level)


def _as_columns(score: Floats) -> Floats:
    table = np.asarray(score, np.float64)
    return table[:, None] if table.ndim == 1 else table


def _refuse_auc(label: Array, score: Floats, cluster: Ints, draws: int, level: float) -> None:
    if draws < 10 or not 0.0 < level < 1.0:
        raise BadConfig(f"An interval at level {level} cannot come from {draws} draws.", hint="Use 1000 and 0.95.")
    if not len(label) == len(score) == len(cluster):
        raise BadConfig(f"{len(label)} labels, {len(score)} scores and {len(cluster)} clusters do not belong together.")


def _drawn_auc(label: Array, table: Floats, cluster: Ints, draws: int, seed: int) -> Floats:
    """float64[draws], the mean AUC of the columns in each resample; NaN where it has one class only."""
    positive = np.asarray(label) > 0
    _, dense = np.unique(cluster, return_inverse=True)
    models = [_Ranks(positive, table[:, column]) for column in range(table.shape[1])]
    drawn = []
    # Blocks by rows and not by clusters, because every draw has a weight for each row.
    for times in _draw_counts(int(dense.max(initial=-1)) + 1, draws, seed):
        for start in range(0, len(times), step := max(1, CELLS // max(1, len(dense)))):
            weight = times[start : start + step][:, dense]
            drawn.append(np.mean([model.auc(weight) for model in models], axis=0))
    return np.concatenate(drawn) if drawn else np.empty(0)


def _percentiles(values: Floats, level: float) -> tuple[float, float]:
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)


class _Ranks:
    """One model's rows in the order of their scores, for AUC under many weights."""

    def __init__(self, positive: Array, score: Floats) -> None:
        self.order = np.argsort(score, kind="stable")
        value = score[self.order]
        self.positive = positive[self.order]
        self.starts = np.flatnonzero(np.r_[True, value[1:] != value[:-1]]) if len(value) else np.empty(0, np.int64)

    def auc(self, weight: Floats) -> Floats:
        """float64[d] of float64[d, N], weights of rows; NaN where a class has none."""
        w = weight[:, self.order]
        ups = np.add.reduceat(np.where(self.positive, w, 0.0), self.starts, axis=1)
        downs = np.add.reduceat(np.where(self.positive, 0.0, w), self.starts, axis=1)
        below = np.cumsum(downs, axis=1) - 0.5 * downs
        pairs = ups.sum(axis=1) * downs.sum(axis=1)
        won = (ups * below).sum(axis=1)
        return np.where(pairs > 0, won / np.where(pairs > 0, pairs, 1.0), np.nan)
