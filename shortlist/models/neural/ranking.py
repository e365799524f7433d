"""The figure that stops training: NDCG@10 of held-back events, ranked against the whole catalogue.

A quick cousin of the evaluator for use between epochs: matrix products in float32, seen items left out, ties against
the model. Reported numbers never come from here.
Cost: 2*B*M*D flops per validation.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from shortlist.core.types import Ints


def next_ndcg(scores: Tensor, truth: Tensor, seen_row: Tensor, seen_item: Tensor, k: int = 10) -> Tensor:
    """NDCG@k of one wanted item per row.

    Args:
        scores: float[B, M]; overwritten where seen.
        truth: int64[B], the wanted item; -1 counts as a miss.
        seen_row: int64[S], with `seen_item` the pairs that are left out; a wanted item among them is a miss.
        seen_item: int64[S].
        k: cut.

    Returns:
        float[B].
    """
    scores[seen_row, seen_item] = -torch.inf
    own = scores.gather(1, truth.clamp(min=0).unsqueeze(1))
    # Everything else at or above the wanted item stands before it: ties lose.
    before = (scores >= own).sum(1) - 1
    gain = 1.0 / torch.log2(before.float() + 2.0)
    found = (truth >= 0) & (before < k) & torch.isfinite(own.squeeze(1))
    return torch.where(found, gain, torch.zeros_like(gain))


def sample(n: int, most: int, seed: int) -> Ints:
    """At most `most` of n rows, chosen by the seed, in order."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng([seed, 77]).choice(n, most, replace=False)).astype(np.int64)
