"""Text and vector answers as one list, by reciprocal rank fusion.

BM25 scores and similarities have different scales, so only positions count: every list gives 1 / (offset + position)
to each of its items, and the sums order the result. An item near the top of two lists beats the top of one.

Paper: Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion Outperforms Condorcet and Individual Rank Learning
Methods", 2009. Cost: one sort of what was found. Not where one list is known to be much better: weigh it more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shortlist.core.errors import BadRequest
from shortlist.core.order import keep_best, rank_within
from shortlist.core.types import Array, Floats, Hits
from shortlist.index.base import VectorIndex
from shortlist.index.text import TextIndex

OFFSET = 60.0
"""How soon positions stop to differ; the paper's value."""


def fuse(lists: Sequence[Hits], k: int, *, weights: Sequence[float] | None = None, offset: float = OFFSET) -> Hits:
    """Merge answers to the same requests.

    Args:
        lists: hits of each way of searching, best first within a request.
        k: at most so many per request.
        weights: of the lists, from 0; None weighs all alike.
        offset: added to positions, which count from 1.

    Returns:
        Hits whose score is the sum of `weight / (offset + position)`; ties go to the smaller item.

    Raises:
        BadRequest: not one weight per list, or k, a weight or the offset negative.
    """
    shares = [1.0] * len(lists) if weights is None else list(weights)
    if len(shares) != len(lists) or k < 0 or not offset >= 0 or not all(0 <= w < np.inf for w in shares):
        raise BadRequest(
            "Fusion needs a weight from 0 per list, and k and an offset from 0.",
            hint="Leave weights out to weigh all lists alike.",
            field="weights",
        )
    if not lists:
        return Hits(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float32))
    row = np.concatenate([hits.row for hits in lists]).astype(np.int64)
    item = np.concatenate([hits.item for hits in lists])
    gain = np.concatenate([w / (offset + 1.0 + rank_within(hits.row)) for w, hits in zip(shares, lists, strict=True)])
    pairs, place = np.unique(np.stack([row, item], axis=1), axis=0, return_inverse=True)
    total: Floats = np.bincount(place.reshape(-1), weights=gain, minlength=len(pairs)).astype(np.float64)
    best = keep_best(pairs[:, 0], total, pairs[:, 1], k)
    return Hits(pairs[best, 0].astype(np.int32), pairs[best, 1], total[best].astype(np.float32))


def search_both(
    text_index: TextIndex,
    vector_index: VectorIndex,
    text: str,
    query: Array,
    k: int,
    *,
    allowed: Array | None = None,
    depth: int = 100,
    weights: tuple[float, float] = (1.0, 1.0),
    fingerprint: str | None = None,
) -> Hits:
    """One question asked as words and as a vector.

    Args:
        text_index: of item texts.
        vector_index: of item vectors, under the same item numbers.
        text: the words.
        query: float[D], the vector.
        k: at most so many.
        allowed: bool[M] by item, applied inside both searches; None allows all.
        depth: items taken from each side before they are merged, at least k.
        weights: of words and vector.
        fingerprint: of the model that made the query; None does not check.

    Returns:
        Hits with row 0.

    Raises:
        BadRequest: as `VectorIndex.search`.
        BundleMismatch: the vectors are another model's.
    """
    depth = max(k, depth)
    item, score = text_index.search(text, depth, allowed=allowed)
    words = Hits(np.zeros(len(item), np.int32), item, score.astype(np.float32))
    near = vector_index.search(np.asarray(query).reshape(1, -1), depth, allowed, fingerprint=fingerprint)
    return fuse([words, near], k, weights=weights)
