"""The one place that decides an order: finite before non-finite, then score, then item id.

Every list in the package, online or offline, alone or in a batch, is cut by these two functions, so two runs over the
same scores can never disagree about ties.
"""

from __future__ import annotations

import numpy as np

from shortlist.core.types import Floats, Ints

_FIRST = np.zeros(1, np.int64)


def best_first(row: Ints, score: Floats, item: Ints) -> Ints:
    """Row numbers ordered within each request by score, best first.

    Args:
        row: int[N], the request each row belongs to.
        score: float[N]; NaN and infinities sink below every finite score.
        item: int[N], breaks ties: the smaller id comes first.

    Returns:
        int64[N], a permutation; requests keep their order.
    """
    bad = ~np.isfinite(score)
    key = np.where(bad, 0.0, -score.astype(np.float64, copy=False))
    return np.lexsort((item, key, bad, row)).astype(np.int64, copy=False)


def rank_within(row: Ints) -> Ints:
    """Position of each row inside its request, counted from zero; `row` must be grouped."""
    n = len(row)
    if n == 0:
        return np.empty(0, np.int64)
    starts = np.concatenate((_FIRST, np.flatnonzero(row[1:] != row[:-1]) + 1))
    sizes = np.diff(starts, append=n)
    return np.arange(n, dtype=np.int64) - np.repeat(starts, sizes)


def keep_best(
    row: Ints,
    score: Floats,
    item: Ints,
    k: int | Ints,
) -> Ints:
    """Like `best_first`, cut to the first `k` rows of each request (`k` a number or int[B] by request)."""
    order = best_first(row, score, item)
    limit = np.full(len(order), k) if isinstance(k, int) else k[row[order]]
    return order[rank_within(row[order]) < limit]
