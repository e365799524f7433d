"""Top-k out of score blocks: where scores of the whole catalogue become lists.

Blocks of requests are scored, cut and forgotten, so memory stays under `MAX_CELLS` cells whatever the number of users.
What must not come back (what a user had) is left out while a row is cut, so nobody asks for more than needed. Ties go
to the smaller item id, as everywhere (`core/order.py`); NaN and infinities never come back. Models of one vector per
item do not come here: `products.py` never makes their blocks.
Cost: one look at the M numbers of a request, and a heap of k.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from shortlist.core.types import Array, Floats, History, Hits, Ints, Requests, offsets_of
from shortlist.kernels.heaps import offer, unheap
from shortlist.models.parallel import cores

MAX_CELLS = 4_000_000
"""Cells of one score block: 16 MB in float32."""
STRIP = 32
"""Cells looked at as one."""
MANY = 256
"""From so many requests on, more than one core works on a batch."""
_NO_BAN = (np.empty(0, np.int64), np.zeros(1, np.int64))


def threads_for(n: int, threads: int | None) -> int:
    """Cores for a batch of n requests: as told, or one for a small batch and all for a large one."""
    return (cores() if n >= MANY else 1) if threads is None else max(1, threads)


def banned(*parts: History | None) -> History | None:
    """One ragged table of what must not come back, of those given; None if none is."""
    given = [part for part in parts if part is not None and len(part.item)]
    if len(given) < 2:
        return given[0] if given else None
    row = np.concatenate([part.row for part in given])
    order = np.argsort(row, kind="stable")
    item = np.concatenate([part.item for part in given])[order]
    return History(item, np.zeros(len(item)), offsets_of(np.bincount(row, minlength=len(given[0]))))


def listed(table: History, row: Ints, item: Ints, n_items: int) -> Array:
    """bool[N], whether the table of B requests holds item[j] for request row[j].

    Args:
        table: ragged, in any order; ids outside 0..M-1 are ignored.
        row: int[N], sorted.
        item: int[N] within 0..M-1.
        n_items: M.
    """
    out = np.zeros(len(row), bool)
    if len(table.item) and len(row):
        # Asked of numpy, zeros cost nothing until they are touched.
        _listed(table.offsets, table.item, row, item, np.zeros(n_items, np.int32), out)
    return out


@njit(cache=True, nogil=True)
def _listed(offsets: Array, held: Array, row: Array, item: Array, mark: Array, out: Array) -> None:
    j = 0
    while j < len(row):
        b = row[j]
        for t in range(offsets[b], offsets[b + 1]):
            if 0 <= held[t] < len(mark):
                mark[held[t]] = b + 1
        while j < len(row) and row[j] == b:
            out[j] = mark[item[j]] == b + 1
            j += 1


def top_k(
    score_block: Callable[[Requests], Any], requests: Requests, k: int, *, n_items: int, exclude: History | None = None
) -> Hits:
    """Best `k` items of each request.

    Args:
        score_block: maps b requests to float[b, M]; NaN = not a candidate. Or to CSR [b, M], where what is not stored
            is no candidate.
        requests: B of them.
        k: at most this many hits per request.
        n_items: M, to choose the block size.
        exclude: of B requests, items that must not come back.

    Returns:
        Hits, sorted by request, then score, then item id.
    """
    rows_per_block = max(1, MAX_CELLS // max(1, n_items))
    parts = []
    for start in range(0, len(requests), rows_per_block):
        rows = np.arange(start, min(start + rows_per_block, len(requests)))
        ban = None if exclude is None else exclude.take(rows)
        parts.append(as_hits(*best_of_block(score_block(requests.take(rows)), k, ban), first=start))
    return joined(parts)


def joined(parts: list[Hits]) -> Hits:
    """The hits of consecutive blocks."""
    if not parts:
        return Hits(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float32))
    if len(parts) == 1:
        return parts[0]
    return Hits(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "item", "score")))


def as_hits(item: Ints, score: Floats, found: Ints, *, first: int = 0) -> Hits:
    """Lists int64[B, k] and float32[B, k], of which `found` [B] are filled, as hits of rows from `first` on."""
    row = np.repeat(np.arange(first, first + len(found), dtype=np.int32), found)
    if (found == item.shape[1]).all():
        return Hits(row, item.ravel(), score.ravel())
    filled = np.arange(item.shape[1]) < found[:, None]
    return Hits(row, item[filled], score[filled])


def best_of_block(block: Any, k: int, exclude: History | None = None) -> tuple[Ints, Floats, Ints]:
    """Best `k` finite entries of each row of float[b, M] or CSR [b, M], less what is excluded.

    Returns:
        Items int64[b, k], best first, scores float32[b, k], and how many of the k are filled, int64[b].
    """
    n, n_items = block.shape
    k = max(1, min(k, n_items)) if n_items else 1
    item = np.full((n, k), -1, np.int64)
    found = np.zeros(n, np.int64)
    score = np.full((n, k), -np.inf)
    items, offsets = _NO_BAN if exclude is None else (exclude.item, exclude.offsets)
    if exclude is None:
        offsets = np.zeros(n + 1, np.int64)
    if hasattr(block, "indptr"):
        _cut_sparse(block.indptr, block.indices, block.data, n_items, items, offsets, item, score, found)
    else:
        _cut(np.ascontiguousarray(block), items, offsets, item, score, found)
    return item, score.astype(np.float32), found


@njit(cache=True, nogil=True)
def _cut(block: Array, ban: Array, offsets: Array, item: Array, score: Array, found: Array) -> None:
    n_items = block.shape[1]
    k = item.shape[1]
    hidden = np.zeros(n_items, np.bool_)
    for b in range(block.shape[0]):
        cells, best_item, best_score = block[b], item[b], score[b]
        for t in range(offsets[b], offsets[b + 1]):
            if 0 <= ban[t] < n_items:
                hidden[ban[t]] = True
        n = 0
        # Items come by rising id, so one that only equals the worst of a full heap stays out. NaN is above nothing.
        limit = -np.inf
        for left in range(0, n_items, STRIP):
            right = min(left + STRIP, n_items)
            strip = cells[left:right]
            above = 0
            for j in range(len(strip)):
                above += strip[j] > limit
            if above == 0:
                continue
            for j in range(left, right):
                value = cells[j]
                if value > limit and value < np.inf and not hidden[j]:
                    n = offer(best_score, best_item, n, k, value, j)
                    if n == k:
                        limit = best_score[0]
        unheap(best_score, best_item, n)
        found[b] = n
        for t in range(offsets[b], offsets[b + 1]):
            if 0 <= ban[t] < n_items:
                hidden[ban[t]] = False


@njit(cache=True, nogil=True)
def _cut_sparse(
    indptr: Array, indices: Array, data: Array, n_items: int, ban: Array, offsets: Array, item: Array, score: Array,
    found: Array,
) -> None:  # fmt: skip
    k = item.shape[1]
    hidden = np.zeros(n_items, np.bool_)
    for b in range(len(indptr) - 1):
        best_item, best_score = item[b], score[b]
        for t in range(offsets[b], offsets[b + 1]):
            if 0 <= ban[t] < n_items:
                hidden[ban[t]] = True
        n = 0
        limit = -np.inf
        for p in range(indptr[b], indptr[b + 1]):
            value = data[p]
            if value >= limit and -np.inf < value < np.inf and not hidden[indices[p]]:
                n = offer(best_score, best_item, n, k, value, indices[p])
                if n == k:
                    limit = best_score[0]
        unheap(best_score, best_item, n)
        found[b] = n
        for t in range(offsets[b], offsets[b + 1]):
            if 0 <= ban[t] < n_items:
                hidden[ban[t]] = False
