"""Compiled loops shared by the vector indexes: exact scores of given rows, and the best of them.

`finish` is the only place where a number that decides an order is made: each (query, vector) pair by itself, in
float64, so the answer to a query never depends on what else is in the batch nor on how the candidates were found.
Cost: 2*D flops per candidate and a heap of k per query.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from shortlist.core.types import Array
from shortlist.kernels.heaps import offer, unheap

LARGEST = 1e15
"""Larger coordinates would overflow when squared in float32."""
_CHUNK = 256


@njit(cache=True, nogil=True)
def usable(rows: Array) -> bool:
    """Whether every coordinate is finite and not above `LARGEST` in size."""
    for i in range(rows.shape[0]):
        for f in range(rows.shape[1]):
            if not abs(rows[i, f]) <= LARGEST:
                return False
    return True


@njit(cache=True, nogil=True)
def unit_rows(rows: Array) -> Array:
    """float32[n, D], rows divided by their length, each by itself; zero rows stay zero."""
    out = np.zeros((rows.shape[0], rows.shape[1]), np.float32)
    for i in range(rows.shape[0]):
        total = 0.0
        for f in range(rows.shape[1]):
            total += np.float64(rows[i, f]) * np.float64(rows[i, f])
        if total > 0.0:
            scale = 1.0 / np.sqrt(total)
            for f in range(rows.shape[1]):
                out[i, f] = np.float32(rows[i, f] * scale)
    return out


@njit(cache=True, nogil=True)
def prepared(rows: Array, unit: bool, out: Array) -> bool:
    """Copy rows, divided by their length if `unit`; False when one of them is not `usable`."""
    for i in range(rows.shape[0]):
        row, copy = rows[i], out[i]
        total = 0.0
        for f in range(rows.shape[1]):
            value = row[f]
            if not abs(value) <= LARGEST:
                return False
            copy[f] = value
            total += np.float64(value) * np.float64(value)
        if unit and total > 0.0:
            scale = 1.0 / np.sqrt(total)
            for f in range(rows.shape[1]):
                copy[f] = np.float32(row[f] * scale)
    return True


@njit(cache=True, nogil=True)
def ascending(numbers: Array, below: int) -> Array:
    """int64[n], the same whole numbers of 0..below in order: a radix sort, three times as quick as a general one."""
    bits = 11
    out, other = numbers.copy(), np.empty(len(numbers), np.int64)
    count = np.empty(1 << bits, np.int64)
    shift = 0
    while shift == 0 or below - 1 >> shift:
        count[:] = 0
        for i in range(len(out)):
            count[(out[i] >> shift) & ((1 << bits) - 1)] += 1
        total = 0
        for digit in range(len(count)):
            total, count[digit] = total + count[digit], total
        for i in range(len(out)):
            digit = (out[i] >> shift) & ((1 << bits) - 1)
            other[count[digit]] = out[i]
            count[digit] += 1
        out, other = other, out
        shift += bits
    return out


# Reassociation lets one pair's sum run in vector lanes; the lanes depend on D alone, so a pair's result never depends
# on other pairs. One loop per kind, without a branch inside, is what the compiler turns into vector code.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _inner(query: Array, vectors: Array, row: Array, first: int, last: int, out: Array) -> None:
    for j in range(first, last):
        total = 0.0
        vector = vectors[row[j]]
        for f in range(len(query)):
            total += query[f] * vector[f]
        out[j] = total


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _minus_squared_distance(query: Array, vectors: Array, row: Array, first: int, last: int, out: Array) -> None:
    for j in range(first, last):
        total = 0.0
        vector = vectors[row[j]]
        for f in range(len(query)):
            gap = query[f] - vector[f]
            total += gap * gap
        out[j] = -total


@njit(cache=True, nogil=True)
def finish(
    queries: Array,
    candidates: Array,
    tail: int,
    base: Array,
    late: Array,
    ids: Array,
    usable_slot: Array,
    euclidean: bool,
    item: Array,
    score: Array,
    found: Array,
) -> None:
    """Exact scores of the candidates and of every slot from `tail` on, and the best of them.

    Args:
        queries: float32[B, D].
        candidates: int64[B, R] slots, or [1, R] for all queries alike; -1 is padding, no slot twice in a row.
        tail: slots tail..n are candidates of every query.
        base: float32[Nb, D], vectors of slots 0..Nb.
        late: float32[Nl, D], vectors of later slots.
        ids: int64[n] by slot; ties go to the smaller.
        usable_slot: uint8[n] by slot; 0 = removed or filtered out.
        euclidean: negative distance instead of inner product.
        item: out, int64[B, k].
        score: out, float64[B, k].
        found: out, int64[B], how many of the k are filled.
    """
    n_base, n, k = base.shape[0], len(usable_slot), item.shape[1]
    shared = candidates.shape[0] == 1
    n_given = candidates.shape[1]
    n_all = n_given + max(0, n - tail)
    query = np.empty(queries.shape[1], np.float64)
    # A chunk holds slots of the first part from its left end and slots of the late part from its right end.
    chosen = np.empty(_CHUNK, np.int64)
    row = np.empty(_CHUNK, np.int64)
    value = np.empty(_CHUNK, np.float64)
    for b in range(queries.shape[0]):
        query[:] = queries[b]
        given = candidates[0 if shared else b]
        # Views are made once per query: making one counts references, which costs more than a whole inner product.
        best_score, best_item = score[b], item[b]
        held = 0
        done = 0
        while done < n_all:
            stop = min(n_all, done + _CHUNK)
            left, right = 0, _CHUNK
            for c in range(done, stop):
                slot = given[c] if c < n_given else tail + c - n_given
                if slot < 0 or usable_slot[slot] == 0:
                    continue
                if slot < n_base:
                    chosen[left], row[left] = slot, slot
                    left += 1
                else:
                    right -= 1
                    chosen[right], row[right] = slot, slot - n_base
            done = stop
            if euclidean:
                _minus_squared_distance(query, base, row, 0, left, value)
                _minus_squared_distance(query, late, row, right, _CHUNK, value)
            else:
                _inner(query, base, row, 0, left, value)
                _inner(query, late, row, right, _CHUNK, value)
            for j in range(left):
                if held < k or value[j] >= best_score[0]:
                    held = offer(best_score, best_item, held, k, value[j], ids[chosen[j]])
            for j in range(right, _CHUNK):
                if held < k or value[j] >= best_score[0]:
                    held = offer(best_score, best_item, held, k, value[j], ids[chosen[j]])
        unheap(best_score, best_item, held)
        if euclidean:
            for j in range(held):
                best_score[j] = -np.sqrt(-best_score[j])
        found[b] = held


@njit(cache=True, nogil=True)
def merge_tile(block: Array, first: int, usable_slot: Array, score: Array, slot: Array, held: Array) -> None:
    """Offer a tile of scores float32[B, T] of slots first..first+T to the heaps float32/int64 [B, R]."""
    limit = score.shape[1]
    for b in range(block.shape[0]):
        n = held[b]
        best_score, best_slot = score[b], slot[b]
        worst = best_score[0]
        for j in range(block.shape[1]):
            value = block[b, j]
            if (n == limit and value <= worst) or usable_slot[first + j] == 0:
                continue
            n = offer(best_score, best_slot, n, limit, value, first + j)
            worst = best_score[0]
        held[b] = n
