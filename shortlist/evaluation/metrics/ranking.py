"""Accuracy of lists: recall, hit rate, precision, NDCG (binary and graded), MAP, MRR.

All take slates int64[B, K] (best first, -1 pads), a `Truth` and the cut `k`, and return float64[B] in [0, 1], one per
user; users without a relevant item get NaN. With one relevant item per user recall and hit rate are the same number,
and so are MAP and MRR.
"""

from __future__ import annotations

import numpy as np

from shortlist.core.types import Floats, Ints
from shortlist.evaluation.metrics.core import Truth, grades_at, nan_where_empty


def recall(slates: Ints, truth: Truth, k: int, *, grades: Floats | None = None) -> Floats:
    """Share of the user's relevant items among the first `k`. Returns: float64[B] in [0, 1].

    Args:
        slates: int64[B, K].
        truth: relevant items of the same users.
        k: positions that count.
        grades: the match of slates and truth, if it is already known.
    """
    hits = grades_at(slates, truth, k, grades) > 0
    return nan_where_empty(hits.sum(1) / np.maximum(truth.count, 1), truth)


def hit_rate(slates: Ints, truth: Truth, k: int, *, grades: Floats | None = None) -> Floats:
    """Whether any of the first `k` is relevant. Returns: float64[B], 0 or 1. Arguments as for `recall`."""
    hits = grades_at(slates, truth, k, grades) > 0
    return nan_where_empty(hits.any(1), truth)


def precision(slates: Ints, truth: Truth, k: int, *, grades: Floats | None = None) -> Floats:
    """Share of the `k` asked positions that are relevant; a short list is not forgiven. Returns: float64[B] in [0, 1].

    Arguments as for `recall`.
    """
    hits = grades_at(slates, truth, k, grades) > 0
    return nan_where_empty(hits.sum(1) / k, truth)


def ndcg(slates: Ints, truth: Truth, k: int, *, grades: Floats | None = None) -> Floats:
    """Discounted gain 1/log2(position + 1) over that of the best possible list. Returns: float64[B] in [0, 1].

    Arguments as for `recall`; grades only say whether an item is relevant.
    """
    hits = grades_at(slates, truth, k, grades) > 0
    best = np.r_[0.0, np.cumsum(_discount(k))][np.minimum(truth.count, k)]
    return nan_where_empty(hits @ _discount(k) / np.where(best > 0, best, 1.0), truth)


def ndcg_graded(slates: Ints, truth: Truth, k: int, *, grades: Floats | None = None) -> Floats:
    """NDCG whose gain is 2^grade - 1, so that a five-star item counts 31 times a one-star item.

    Returns:
        float64[B] in [0, 1]. Arguments as for `recall`.
    """
    got = np.exp2(grades_at(slates, truth, k, grades)) - 1.0
    gain = np.exp2(np.maximum(truth.value, 0.0)) - 1.0
    order = np.lexsort((-gain, truth.row))
    place = np.arange(len(gain)) - np.repeat(truth.offsets[:-1], np.diff(truth.offsets))
    counted = place < k
    worth = gain[order][counted] * _discount(k)[place[counted]]
    best = np.bincount(truth.row[counted], worth, minlength=len(truth))
    return nan_where_empty(got @ _discount(k) / np.where(best > 0, best, 1.0), truth)


def average_precision(slates: Ints, truth: Truth, k: int, *, grades: Floats | None = None) -> Floats:
    """Mean precision at the positions of hits, over min(k, relevant items): MAP before its mean.

    Returns:
        float64[B] in [0, 1]. Arguments as for `recall`.
    """
    hits = grades_at(slates, truth, k, grades) > 0
    at_hit = hits * (np.cumsum(hits, axis=1) / np.arange(1, k + 1))
    return nan_where_empty(at_hit.sum(1) / np.maximum(np.minimum(truth.count, k), 1), truth)


def reciprocal_rank(slates: Ints, truth: Truth, k: int, *, grades: Floats | None = None) -> Floats:
    """One over the position of the first hit among `k`, 0 without one: MRR before its mean.

    Returns:
        float64[B] in [0, 1]. Arguments as for `recall`.
    """
    hits = grades_at(slates, truth, k, grades) > 0
    return nan_where_empty(hits.any(1) / (hits.argmax(1) + 1.0), truth)


def _discount(k: int) -> Floats:
    return 1.0 / np.log2(np.arange(2, k + 2))
