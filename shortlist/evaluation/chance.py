"""What a recommender that draws its list at random scores on average, in closed form.

The floor of every board, and the check that an evaluator is honest: a random model must land here within its standard
error. Valid for lists drawn uniformly without replacement from C candidates of which R are relevant.
"""

from __future__ import annotations

import numpy as np

from shortlist.core.types import Floats, Ints


def expected_at_random(n_candidates: Ints, n_relevant: Ints, k: int) -> dict[str, Floats]:
    """Expected metric values per user.

    Args:
        n_candidates: int[B], C, items that may be shown.
        n_relevant: int[B], R, how many of them are relevant; users with 0 get NaN.
        k: list length.

    Returns:
        `recall`, `hit_rate`, `precision`, `ndcg`, `map`, `mrr`, each float64[B].
    """
    c = np.maximum(np.asarray(n_candidates, np.float64), 1.0)
    r = np.asarray(n_relevant, np.float64)
    length = np.minimum(k, c)
    position = np.arange(1, k + 1)
    shown = position[None, :] <= c[:, None]
    discount = shown / np.log2(position + 1.0)
    best = np.cumsum(1.0 / np.log2(position + 1.0))[np.maximum(np.minimum(r, k), 1).astype(int) - 1]
    # Chance that positions 1..j hold nothing relevant.
    factor = np.clip((c[:, None] - r[:, None] - position + 1) / np.maximum(c[:, None] - position + 1, 1.0), 0.0, 1.0)
    none_yet = np.cumprod(np.where(shown, factor, 1.0), axis=1)
    first_here = np.c_[np.ones(len(c)), none_yet[:, :-1]] - none_yet
    others = (r[:, None] - 1.0) / np.maximum(c[:, None] - 1.0, 1.0)
    precision_at_hit = shown * (1.0 + (position - 1) * others) / position
    values = {
        "recall": length / c,
        "hit_rate": 1.0 - none_yet[:, -1],
        "precision": length * r / c / k,
        "ndcg": r / c * discount.sum(1) / best,
        "map": r / c * precision_at_hit.sum(1) / np.maximum(np.minimum(r, k), 1.0),
        "mrr": (first_here / position).sum(1),
    }
    return {name: np.where(r > 0, value, np.nan) for name, value in values.items()}
