"""Maximal marginal relevance: the next item is the most relevant one that repeats least what was already picked.

Each step takes the largest lam * relevance - (1 - lam) * (largest similarity to the picked ones). With lam = 1 that is
the order by relevance; with a window only the last picks count, so that a topic may come back further down.

Paper: Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking", SIGIR 1998.
Cost: one pass over the remaining rows per pick, k * n in all. Greedy: it need not find the best set of k.
"""

from __future__ import annotations

import numpy as np

from shortlist.core.types import Floats, Ints


def mmr(relevance: Floats, similarity: Floats, k: int, *, lam: float = 0.7, window: int | None = None) -> Ints:
    """Pick `k` of n rows.

    Args:
        relevance: float64[n], comparable to the similarities, in [0, 1] as a rule; NaN counts as the lowest.
        similarity: float64[n, n], 1 for equal items.
        k: rows to pick; all rows if there are fewer.
        lam: share of relevance, 0 to 1.
        window: how many of the latest picks a row is compared with; None compares with all.

    Returns:
        int64[min(k, n)], row numbers in the order of picking; equal rows in their given order.
    """
    n = len(relevance)
    gain = lam * np.where(np.isfinite(relevance), relevance, -1.0)
    left = np.ones(n, bool)
    picked = np.empty(min(k, n), np.int64)
    nearest = np.zeros(n)
    for step in range(len(picked)):
        if step:
            if window is None:
                last = similarity[picked[step - 1]]
                nearest = last.copy() if step == 1 else np.maximum(nearest, last)
            else:
                nearest = similarity[picked[max(0, step - window) : step]].max(axis=0)
        value = gain - (1.0 - lam) * nearest
        value[~left] = -np.inf
        picked[step] = int(np.argmax(value))
        left[picked[step]] = False
    return picked


def unit_range(score: Floats) -> Floats:
    """Scores of one list moved to [0, 1], the best at 1; equal scores all become 1, NaN stays NaN."""
    finite = np.isfinite(score)
    if not finite.any():
        return np.full(len(score), np.nan)
    low, high = score[finite].min(), score[finite].max()
    spread = high - low
    scaled = np.ones(len(score)) if spread == 0 else (score - low) / spread
    return np.where(finite, scaled, np.nan)
