"""Top-k out of score blocks: the only place where scores of the whole catalogue become lists.

Blocks of requests are scored, cut and forgotten, so memory stays under `MAX_CELLS` cells whatever the number of users.
Ties go to the smaller item id, as everywhere (`core/order.py`); NaN and infinities never come back.
Cost: one partition of M numbers per request.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shortlist.core.order import keep_best
from shortlist.core.types import Floats, Hits, Ints, Requests

MAX_CELLS = 4_000_000
"""Cells of one score block: 16 MB in float32."""


def top_k(score_block: Callable[[Requests], Floats], requests: Requests, k: int, *, n_items: int) -> Hits:
    """Best `k` items of each request.

    Args:
        score_block: maps b requests to float[b, M]; NaN = not a candidate.
        requests: B of them.
        k: at most this many hits per request.
        n_items: M, to choose the block size.

    Returns:
        Hits, sorted by request, then score, then item id.
    """
    rows_per_block = max(1, MAX_CELLS // max(1, n_items))
    parts: list[tuple[Ints, Ints, Floats]] = []
    for start in range(0, len(requests), rows_per_block):
        rows = np.arange(start, min(start + rows_per_block, len(requests)))
        row, item, score = cut(score_block(requests.take(rows)), k)
        parts.append(((row + start).astype(np.int32), item, score))
    if not parts:
        return Hits(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float32))
    row, item, score = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Hits(row, item, score)


def cut(block: Floats, k: int) -> tuple[Ints, Ints, Floats]:
    """Best `k` finite entries of each row of float[b, M], as (row, item, score), best first."""
    n_items = block.shape[1]
    if k < n_items:
        # Everything at or above the k-th largest value; more than k rows only where ties cross the cut.
        filled = np.where(np.isfinite(block), block, -np.inf)
        threshold = np.partition(filled, n_items - k, axis=1)[:, n_items - k]
        row, item = np.nonzero((filled >= threshold[:, None]) & np.isfinite(block))
    else:
        row, item = np.nonzero(np.isfinite(block))
    score = block[row, item].astype(np.float32)
    best = keep_best(row, block[row, item], item, k)
    return row[best], item[best], score[best]
