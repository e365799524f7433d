"""Scores that are sparse sums: what a request has, times what each of it says about items.

Neighbour models, link models and content profiles all answer so: a few hundred entries of a request, each with a short
row of items. The sums of one request are gathered in one array of the catalogue's size and cut right there, so nothing
of size requests x items exists, and an item that nothing leads to costs nothing.

Cost: one multiply-add per entry and row item, a heap of k; 13 bytes per item of scratch. Every sum runs in the order of
the request's entries in float64, whatever else is in the batch: bit for bit a sparse matrix product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from shortlist.core.errors import StageError
from shortlist.core.types import Array, Floats, History, Hits, Ints, Requests
from shortlist.kernels.heaps import offer, unheap
from shortlist.models.base import CatalogueModel
from shortlist.models.parallel import in_ranges
from shortlist.models.topk import STRIP, as_hits, joined, threads_for

if TYPE_CHECKING:
    from scipy.sparse import csr_array

REQUESTS = 4096
"""Requests whose entries are gathered at once."""


class SumModel(CatalogueModel):
    """Sums rows of a sparse table. Subclasses say what a request has and which table it is."""

    def entries(self, requests: Requests) -> tuple[csr_array, csr_array]:
        """What is multiplied: CSR float64[B, R], the entries of each request, and CSR float64[R, M], a row for each."""
        raise StageError(f"{type(self).__name__} does not implement entries().")

    @property
    def requests_at_once(self) -> int:
        """How many requests `entries` is asked for; fewer where finding them takes memory of its own."""
        return REQUESTS

    def score_block(self, requests: Requests) -> Floats:
        """float64[B, M] sums; NaN for items that nothing of the request leads to."""
        return sum_block(*self.entries(requests))

    def retrieve(
        self, requests: Requests, k: int, *, exclude: History | None = None, threads: int | None = None
    ) -> Hits:
        """Best `k` items per request, those of `score_block`, without making a block; see `CatalogueModel.retrieve`."""
        self.require_fitted()
        parts = []
        threads = threads_for(len(requests), threads)
        step = self.requests_at_once
        for start in range(0, len(requests), step):
            rows = np.arange(start, min(start + step, len(requests)))
            ban = None if exclude is None else exclude.take(rows)
            left, right = self.entries(requests.take(rows))
            parts.append(as_hits(*best_sums(left, right, k, exclude=ban, threads=threads), first=start))
        return joined(parts)


def sum_block(left: csr_array, right: csr_array) -> Floats:
    """float64[B, M], the product of two sparse matrices, NaN where nothing adds up to anything."""
    out = np.full((left.shape[0], right.shape[1]), np.nan)
    _fill(*_parts(left), *_parts(right), out)
    return out


def best_sums(
    left: csr_array, right: csr_array, k: int, *, exclude: History | None = None, threads: int = 1
) -> tuple[Ints, Floats, Ints]:
    """The best `k` of each row of the product of CSR [B, R] and CSR [R, M].

    Args:
        left: the entries of each request.
        right: what each entry says about items.
        k: at least 1.
        exclude: of B requests, items that must not come back.
        threads: cores to use; changes no answer.

    Returns:
        Items int64[B, k], best first, scores float32[B, k], and how many of the k are filled, int64[B].
    """
    n, n_items = left.shape[0], right.shape[1]
    k = max(1, min(k, n_items))
    item, score, found = np.full((n, k), -1, np.int64), np.full((n, k), -np.inf), np.zeros(n, np.int64)
    ban = History.empty(n) if exclude is None else exclude
    left_ptr, left_at, left_value = _parts(left)
    right_ptr, right_at, right_value = _parts(right)

    def work(start: int, stop: int) -> None:
        _best(
            start, stop, left_ptr, left_at, left_value, right_ptr, right_at, right_value, ban.offsets, ban.item,
            n_items, item, score, found,
        )  # fmt: skip

    in_ranges(work, n, threads=threads, pieces=2 * threads)
    return item, score.astype(np.float32), found


def _parts(matrix: csr_array) -> tuple[Any, Any, Any]:
    table: Any = matrix
    return table.indptr, table.indices, table.data


@njit(cache=True, nogil=True)
def _fill(
    left_ptr: Array, left_at: Array, left: Array, right_ptr: Array, right_at: Array, right: Array, out: Array
) -> None:
    n_items = out.shape[1]
    total, touched = np.zeros(n_items), np.empty(n_items, np.int64)
    seen = np.zeros(n_items, np.bool_)
    for b in range(out.shape[0]):
        n = _add(left_ptr[b], left_ptr[b + 1], left_at, left, right_ptr, right_at, right, total, touched, seen)
        for t in range(n):
            j = touched[t]
            if total[j] != 0.0:
                out[b, j] = total[j]
            total[j], seen[j] = 0.0, False


@njit(cache=True, nogil=True)
def _best(
    start: int, stop: int, left_ptr: Array, left_at: Array, left: Array, right_ptr: Array, right_at: Array,
    right: Array, offsets: Array, ban: Array, n_items: int, item: Array, score: Array, found: Array,
) -> None:  # fmt: skip
    k = item.shape[1]
    total, touched = np.zeros(n_items), np.empty(n_items, np.int64)
    seen = np.zeros(n_items, np.bool_)
    for b in range(start, stop):
        best_item, best_score = item[b], score[b]
        work = 0
        for t in range(left_ptr[b], left_ptr[b + 1]):
            work += right_ptr[left_at[t] + 1] - right_ptr[left_at[t]]
        if 4 * work > n_items:
            # Nearly every item is touched: keeping a list of them costs more than looking at all.
            found[b] = _best_of_all(
                left_ptr[b], left_ptr[b + 1], left_at, left, right_ptr, right_at, right,
                ban[offsets[b] : offsets[b + 1]], total, best_item, best_score,
            )  # fmt: skip
            continue
        n = _add(left_ptr[b], left_ptr[b + 1], left_at, left, right_ptr, right_at, right, total, touched, seen)
        for t in range(offsets[b], offsets[b + 1]):
            if 0 <= ban[t] < n_items:
                total[ban[t]] = 0.0
        held = 0
        limit = -np.inf
        for t in range(n):
            j = touched[t]
            value = total[j]
            total[j], seen[j] = 0.0, False
            if value >= limit and value != 0.0 and -np.inf < value < np.inf:
                held = offer(best_score, best_item, held, k, value, j)
                if held == k:
                    limit = best_score[0]
        unheap(best_score, best_item, held)
        found[b] = held


@njit(cache=True, nogil=True)
def _best_of_all(
    start: int, stop: int, left_at: Array, left: Array, right_ptr: Array, right_at: Array, right: Array, ban: Array,
    total: Array, best_item: Array, best_score: Array,
) -> int:  # fmt: skip
    """Add up the rows of one request, and cut what they sum to; leaves `total` zero."""
    n_items, k = len(total), len(best_item)
    for t in range(start, stop):
        weight, row = left[t], left_at[t]
        for p in range(right_ptr[row], right_ptr[row + 1]):
            total[right_at[p]] += weight * right[p]
    for i in ban:
        if 0 <= i < n_items:
            total[i] = 0.0
    held = 0
    limit = -np.inf
    for first in range(0, n_items, STRIP):
        last = min(first + STRIP, n_items)
        strip = total[first:last]
        above = 0
        for j in range(len(strip)):
            above += strip[j] > limit
        if above > 0:
            for j in range(first, last):
                value = total[j]
                if value > limit and value != 0.0 and value < np.inf:
                    held = offer(best_score, best_item, held, k, value, j)
                    if held == k:
                        limit = best_score[0]
        strip[:] = 0.0
    unheap(best_score, best_item, held)
    return held


@njit(cache=True, nogil=True)
def _add(
    start: int, stop: int, left_at: Array, left: Array, right_ptr: Array, right_at: Array, right: Array, total: Array,
    touched: Array, seen: Array,
) -> int:  # fmt: skip
    """Add up the rows of one request; returns how many items were touched. What is not touched stays as it was."""
    n = 0
    for t in range(start, stop):
        weight, row = left[t], left_at[t]
        for p in range(right_ptr[row], right_ptr[row + 1]):
            j = right_at[p]
            total[j] += weight * right[p]
            if not seen[j]:
                seen[j] = True
                touched[n] = j
                n += 1
    return n
