"""What a self-check finds: whether an index still answers as brute force would, asked for its own vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.core.types import Array, Hits


@dataclass(frozen=True, slots=True)
class Health:
    """Result of a self-check.

    Attributes:
        n: vectors asked for.
        found_itself: share of them that come back for their own vector, or rightly do not, as the exact answer says.
        recall: mean share of the exact first ten that are among the first ten, by score.
    """

    n: int
    found_itself: float
    recall: float


def compared(ours: Hits, truth: Hits, own: Array, k: int) -> Health:
    """Compare answers about stored vectors.

    Args:
        ours: of the index.
        truth: of brute force, k for each.
        own: int64[n], the ids that were asked for.
        k: length of the lists.
    """
    worst = truth.score.reshape(-1, k)[:, -1]
    recall = float(np.mean(ours.score >= worst[ours.row]))
    itself = [
        (number in ours.item[ours.row == b]) == (number in truth.item[truth.row == b])
        for b, number in enumerate(own.tolist())
    ]
    return Health(len(own), float(np.mean(itself)), recall)
