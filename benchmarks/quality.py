"""One judge for both sides: NDCG@10 of the last event of each user, everything ranked that the user had not done."""

from __future__ import annotations

from typing import Any

import numpy as np

from shortlist.data.splits import Split
from shortlist.evaluation.evaluator import evaluate

K = 10
WORSE = 0.99
"""Ours must reach this share of the peer's figure."""


def of_model(model: Any, parts: Split) -> float:
    """NDCG@10 of one of our models."""
    return evaluate(model, parts, k=K, metrics=("ndcg",), intervals=0).metrics[f"ndcg@{K}"]


def of_scores(scores: np.ndarray, parts: Split) -> float:
    """NDCG@10 of a peer's scores, float[U, M]; ties count against it, as they do for ours."""
    test = parts.test
    scores = scores[test.user].astype(np.float64)
    scores[test.history.row, test.history.item] = -np.inf
    mine = scores[np.arange(len(scores)), test.truth.item]
    rank = (scores >= mine[:, None]).sum(axis=1)
    return float(np.where(rank <= K, 1 / np.log2(rank + 1.0), 0.0).mean())


def of_lists(lists: np.ndarray, parts: Split) -> float:
    """NDCG@10 of a peer's lists, int64[B, K] of our item numbers, -1 where a list ends; by the same evaluator."""
    return evaluate(lists.astype(np.int64), parts, k=K, metrics=("ndcg",), intervals=0).metrics[f"ndcg@{K}"]


def as_good(ours: float, theirs: float) -> dict[str, list[float]]:
    """The figures of both. Raises: AssertionError if ours is worse by more than one in a hundred."""
    assert ours >= WORSE * theirs, f"NDCG@{K} {ours:.4f}, the peer's {theirs:.4f}"
    return {f"NDCG@{K}": [ours, theirs]}
