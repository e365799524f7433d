"""Predictions of a click, row by row: AUC, AUC within groups, log loss, Brier score, normalised entropy, calibration.

Labels are 0 or 1. AUC counts an undecided pair as half, so a constant score gives exactly .5 and can never win. A
score that is NaN is a refusal to answer and ranks below every number. Cost: one sort.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.core.errors import BadConfig
from shortlist.core.types import Array, Floats, Ints

EPSILON = 1e-12
Z = 1.959964
"""Standard errors on either side of a 95 % interval."""


def auc(label: Array, score: Floats) -> float:
    """Chance that a random positive scores above a random negative, ties half. Returns: in [0, 1]; NaN with one class.

    Args:
        label: bool or 0/1 [N].
        score: float[N]; NaN ranks lowest.
    """
    positive, value = _rows(label, score)
    auc_value, _, _ = auc_by_group(positive, value, np.zeros(len(positive), np.int64), 1)
    return float(auc_value[0])


def gauc(label: Array, score: Floats, group: Ints, *, weight: str = "impressions") -> float:
    """AUC within each group (user or request), averaged over the groups that have both classes.

    Args:
        label: bool or 0/1 [N].
        score: float[N].
        group: int[N], any order.
        weight: "impressions" weighs a group by its rows, "plain" gives each group one vote (also known as UAUC).

    Returns:
        in [0, 1]; NaN when no group has both classes.

    Raises:
        BadConfig: another weight.
    """
    if weight not in {"impressions", "plain"}:
        raise BadConfig(f"Unknown gAUC weight '{weight}'.", hint="Use impressions or plain.", field="weight")
    positive, value = _rows(label, score)
    _, dense = np.unique(group, return_inverse=True)
    n_groups = int(dense.max()) + 1 if len(dense) else 0
    each, rows, _ = auc_by_group(positive, value, dense.astype(np.int64), n_groups)
    both = np.isfinite(each)
    if not both.any():
        return float("nan")
    weights = rows[both].astype(np.float64) if weight == "impressions" else np.ones(int(both.sum()))
    return float(np.average(each[both], weights=weights))


def log_loss(label: Array, probability: Floats) -> float:
    """Mean negative log likelihood. Returns: nats per row, >= 0; certainty that is wrong costs 27.6, not infinity.

    Args:
        label: bool or 0/1 [N].
        probability: float[N] in [0, 1].

    Raises:
        BadConfig: a value outside [0, 1] or NaN.
    """
    positive, p = _rows(label, probability)
    if len(p) and not ((p >= 0) & (p <= 1)).all():
        raise BadConfig("Log loss needs probabilities in [0, 1].", hint="Calibrate the scores or use AUC.")
    p = np.clip(p, EPSILON, 1.0 - EPSILON)
    return float(-np.mean(np.where(positive, np.log(p), np.log1p(-p)))) if len(p) else float("nan")


def normalised_entropy(label: Array, probability: Floats) -> float:
    """Log loss over that of always predicting the base rate. Returns: ratio >= 0; below 1 beats the base rate.

    NaN when there is only one class. Arguments and errors as for `log_loss`.
    """
    positive = np.asarray(label) > 0
    rate = float(positive.mean()) if len(positive) else 0.0
    if rate in (0.0, 1.0):
        return float("nan")
    base = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
    return log_loss(label, probability) / float(base)


def brier(label: Array, probability: Floats) -> float:
    """Mean squared difference of probability and click. Returns: in [0, 1]; 0 is certain and right.

    It rewards order and calibration together: always predicting the base rate r costs r(1 - r).

    Args:
        label: bool or 0/1 [N].
        probability: float[N] in [0, 1].
    """
    positive, p = _rows(label, probability)
    return float(np.mean((p - positive) ** 2)) if len(p) else float("nan")


def calibration_error(label: Array, probability: Floats, *, bins: int = 10) -> float:
    """Mean gap between predicted and observed rate over bins of equal size. Returns: in [0, 1]; 0 is calibrated.

    Also known as expected calibration error (ECE), here with bins of equal numbers of rows.

    Args:
        label: bool or 0/1 [N].
        probability: float[N] in [0, 1].
        bins: groups of rows with neighbouring predictions; equal predictions stay together.
    """
    positive, p = _rows(label, probability)
    if len(p) == 0:
        return float("nan")
    gap = np.bincount(_bin_of(p, bins), p - positive, minlength=bins)
    return float(np.abs(gap).sum() / len(p))


@dataclass(frozen=True)
class Reliability:
    """What was predicted and what happened, bin by bin; all arrays are [bins], by rising prediction.

    Attributes:
        predicted: float64, mean probability.
        observed: float64, share of rows that were clicked.
        low: float64, lower end of the 95 % interval of that share (Wilson); rows count as independent.
        high: float64, its upper end.
        rows: int64.
    """

    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    rows: Ints

    def to_dict(self) -> dict[str, list[float]]:
        """Plain values for JSON."""
        return {name: getattr(self, name).tolist() for name in ("predicted", "observed", "low", "high", "rows")}


def reliability(label: Array, probability: Floats, *, bins: int = 10) -> Reliability:
    """The reliability curve behind `calibration_error`: on the diagonal, probabilities come true.

    Args:
        label: bool or 0/1 [N].
        probability: float[N] in [0, 1].
        bins: groups of equal numbers of rows; equal predictions stay together, so there may be fewer.
    """
    positive, p = _rows(label, probability)
    bin_of = _bin_of(p, bins)
    rows = np.bincount(bin_of, minlength=1)
    held = rows > 0
    n = rows[held]
    share = np.bincount(bin_of, positive, minlength=1)[held] / n
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    predicted = np.bincount(bin_of, p, minlength=1)[held] / n
    return Reliability(predicted, share, centre - half, centre + half, n.astype(np.int64))


def auc_by_chance(n_positive: int, n_negative: int) -> tuple[float, float]:
    """The band in which the AUC of labels that carry no signal falls in 99.7 % of draws. Returns: (low, high)."""
    half = 3.0 * float(np.sqrt((n_positive + n_negative + 1) / (12.0 * max(n_positive * n_negative, 1))))
    return 0.5 - half, 0.5 + half


def _bin_of(p: Floats, bins: int) -> Ints:
    if len(p) == 0:
        return np.empty(0, np.int64)
    edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, p, side="right").astype(np.int64)


def _rows(label: Array, score: Floats) -> tuple[Array, Floats]:
    if len(label) != len(score):
        raise BadConfig(f"{len(label)} labels cannot be compared with {len(score)} scores.")
    return np.asarray(label) > 0, np.asarray(score, np.float64)


def auc_by_group(positive: Array, score: Floats, group: Ints, n_groups: int) -> tuple[Floats, Ints, Ints]:
    """AUC (NaN with one class), rows and positives of each group 0..n_groups-1.

    Args:
        positive: bool[N].
        score: float64[N]; NaN ranks lowest.
        group: int64[N], any order.
        n_groups: how many there are, with or without rows.
    """
    rows = np.bincount(group, minlength=n_groups)
    n_pos = np.bincount(group[positive], minlength=n_groups)
    value = np.where(np.isnan(score), -np.inf, score)
    order = np.lexsort((value, group))
    g, v = group[order], value[order]
    starts = np.r_[True, (g[1:] != g[:-1]) | (v[1:] != v[:-1])] if len(g) else np.empty(0, bool)
    tie = np.cumsum(starts) - 1
    size = np.bincount(tie) if len(tie) else np.empty(0, np.int64)
    # Mean rank, from one, of each run of equal scores within its group.
    first = np.flatnonzero(starts) - np.r_[0, np.cumsum(rows)][g[starts]]
    mean_rank = first + (size + 1) / 2.0
    rank_sum = np.bincount(g, mean_rank[tie] * positive[order], minlength=n_groups)
    pairs = n_pos * (rows - n_pos)
    won = rank_sum - n_pos * (n_pos + 1) / 2.0
    return np.where(pairs > 0, won / np.maximum(pairs, 1), np.nan), rows, n_pos
