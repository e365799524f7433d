"""Best inner products for every request: vectors of requests against vectors of items, in memory that does not grow.

Requests meet items in tiles that fit a core's cache: a float32 matrix product fills the tile, one look over it keeps
what may still be among the best k, and the tile is overwritten. Items come longest first, so that a request stops as
soon as no later item can reach its k-th score (|score| <= |request| * |item|). A matrix product rounds, and differently
in different company; therefore everything within twice the rounding bound of the k-th score is kept, scored again pair
by pair in float64 (`dense.dot_rows` in other order), and ordered. Lists are those of the plain way, to the bit.

Pruning after Teflioudi, Gemulla and Mykytiuk, "LEMP: Fast Retrieval of Large Entries in a Matrix Product", SIGMOD 2015.
Cost: 2*B*M*d flops at the speed of the matrix product, less what pruning saves; per thread some 3 MB besides
`REQUESTS` rows of requests. A few requests are answered by a scan, which prunes item by item.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from shortlist.core.types import Array, Floats, History, Ints
from shortlist.kernels.heaps import kth_highest, offer, unheap
from shortlist.models.dense import dot
from shortlist.models.parallel import in_ranges, one_blas_thread

REQUESTS = 2048
"""Requests that share one gathering of the items."""
ROWS, ITEMS = 384, 384
"""Rows and columns of a tile: 590 KB of float32."""
STRIP = 32
"""Cells of a tile looked at as one."""
ALONE = 8
"""Below so many requests, gathering the items costs more than it saves."""
ROOM = 48
"""Candidates beyond 2*k for which a request has room."""
LARGEST = 1e30
"""Products of lengths above this could overflow in float32: such requests are scanned in float64."""


@dataclass(frozen=True)
class Catalogue:
    """Items that may be answered, longest first.

    Attributes:
        vectors: float32[M, d], all items.
        known: bool[M], those that may come back.
        order: int64[M'], these by falling length, then id.
        length: float64[M'], their lengths, rounded up.
        place: int64[M], where an item stands in `order`; -1 for items that never come back.
    """

    vectors: Floats
    known: Array
    order: Ints
    length: Floats
    place: Ints

    @classmethod
    def of(cls, vectors: Floats, known: Array) -> Catalogue:
        """Sort the items of bool[M] `known`."""
        length = _lengths(vectors)
        chosen = np.flatnonzero(known)
        order = chosen[np.argsort(-length[chosen], kind="stable")]
        place = np.full(len(vectors), -1, np.int64)
        place[order] = np.arange(len(order))
        return cls(vectors, known, order, length[order], place)


def best_products(
    users: Floats, catalogue: Catalogue, k: int, *, exclude: History | None = None, threads: int = 1
) -> tuple[Ints, Floats, Ints]:
    """The best `k` items of each request by inner product.

    Args:
        users: float64[B, d]; a row of zeros or with a value that is not finite gets nothing.
        catalogue: the items.
        k: at least 1.
        exclude: of B requests, items that must not come back, in any order; ids outside the catalogue are ignored.
        threads: cores to use; changes no answer.

    Returns:
        Items int64[B, k], best first, scores float32[B, k], and how many of the k are filled, int64[B].
    """
    n, n_items = len(users), len(catalogue.order)
    k = max(1, min(k, max(1, n_items)))
    item = np.full((n, k), -1, np.int64)
    score = np.full((n, k), -np.inf, np.float32)
    found = np.zeros(n, np.int64)
    room = 2 * k + ROOM
    step = max(ROWS, min(REQUESTS, 4_000_000 // room))
    tiled = n >= ALONE and n_items > room and catalogue.length[0] < np.inf

    def work(start: int, stop: int) -> None:
        for first in range(start, stop, step):
            rows = slice(first, min(first + step, stop))
            asked = np.ascontiguousarray(users[rows], np.float64)
            hidden = _hidden(exclude, rows, catalogue.place)
            long = _lengths(asked)
            todo: Ints = np.flatnonzero((long > 0) & np.isfinite(long))
            if tiled:
                todo = _tiled(asked, long, todo, catalogue, k, hidden, item[rows], score[rows], found[rows])
            _scan(
                asked, long, todo, catalogue.vectors, catalogue.order, catalogue.length, *hidden,
                item[rows], score[rows], found[rows],
            )  # fmt: skip

    if tiled:
        with one_blas_thread():
            in_ranges(work, n, threads=threads, pieces=max(1, min(32, -(-n // step))))
    else:
        in_ranges(work, n, threads=threads, pieces=threads)
    return item, score, found


def _hidden(exclude: History | None, rows: slice, place: Ints) -> tuple[Ints, Ints]:
    """Places that the given requests must not get, tile by tile int64[T], and where each one's begin int64[b+1]."""
    if exclude is None:
        return np.empty(0, np.int64), np.zeros(rows.stop - rows.start + 1, np.int64)
    out = np.empty(int(exclude.offsets[rows.stop] - exclude.offsets[rows.start]), np.int64)
    offsets = np.empty(rows.stop - rows.start + 1, np.int64)
    bounds = exclude.offsets[rows.start : rows.stop + 1]
    n = _places(bounds, exclude.item, place, ITEMS, out, offsets)
    return out[:n], offsets


def _tiled(
    asked: Floats, long: Floats, todo: Ints, catalogue: Catalogue, k: int, hidden: tuple[Ints, Ints], item: Ints,
    score: Floats, found: Ints,
) -> Ints:  # fmt: skip
    """Answer the requests `todo`; returns those that must be scanned: scores too large, or too many too much alike."""
    order, length = catalogue.order, catalogue.length
    n, d = asked.shape
    longest = float(length[0])
    large = long[todo] * longest > LARGEST
    alive = todo[~large]
    # How far a product may be off: rounding of a request to float32, of d products and their sum in any order, of the
    # exact score to float32, and of the bar, with some to spare; then what may vanish below the smallest number.
    doubt = (d + 5) * 1.01 * 2.0**-24 * long * longest + d * 1e-37 * (1.0 + longest)
    room = 2 * k + ROOM
    near, where = np.empty((n, room), np.float32), np.empty((n, room), np.int32)
    held, bar, kth = np.zeros(n, np.int64), np.full(n, -np.inf, np.float32), np.full(n, -np.inf)
    at = hidden[1][:-1].copy()
    narrow = asked[alive].astype(np.float32)
    tile, cells = np.empty(d * ITEMS, np.float32), np.empty(ROWS * ITEMS, np.float32)
    for first in range(0, len(order), ITEMS):
        reach = long[alive] * (length[first] * (1.0 + 1e-6))
        open_still = reach >= kth[alive] - doubt[alive]
        if not open_still.all():
            narrow, alive = narrow[open_still], alive[open_still]
            if not len(alive):
                break
        members = order[first : first + ITEMS]
        here = tile[: d * len(members)].reshape(d, len(members))
        _turn(catalogue.vectors, members, here)
        for top in range(0, len(alive), ROWS):
            some = alive[top : top + ROWS]
            block = cells[: len(some) * len(members)].reshape(len(some), len(members))
            np.matmul(narrow[top : top + ROWS], here, out=block)
            _keep_near(block, first, some, *hidden, at, k, doubt, near, where, held, bar, kth)
    answered = todo[~large]
    crowded = held[answered] < 0
    _settle(answered[~crowded], asked, catalogue.vectors, order, where, held, item, score, found)
    return np.concatenate([todo[large], answered[crowded]])


@njit(cache=True, nogil=True)
def _turn(vectors: Array, members: Array, out: Array) -> None:
    """Gather rows as columns, float32[d, n]: the product reads them faster so, and it reads them many times."""
    for left in range(0, len(members), 16):
        right = min(left + 16, len(members))
        for f in range(vectors.shape[1]):
            for j in range(left, right):
                out[f, j] = vectors[members[j], f]


@njit(cache=True, nogil=True)
def _keep_near(
    block: Array, first: int, users: Array, hidden: Array, offsets: Array, at: Array, k: int, doubt: Array,
    near: Array, where: Array, held: Array, bar: Array, kth: Array,
) -> None:  # fmt: skip
    """Collect what a tile holds above each request's bar.

    The bar is the k-th highest product so far less twice the doubt: what lies below it cannot be among the best k. A
    request with more candidates above its bar than there is room for gets `held` -1 and a k-th score without limit.
    """
    n_cells = block.shape[1]
    scratch = np.empty(near.shape[1], np.float32)
    for r in range(block.shape[0]):
        u = users[r]
        n = held[u]
        if n < 0:
            continue
        cells, mine, places = block[r], near[u], where[u]
        p, stop = at[u], offsets[u + 1]
        while p < stop and hidden[p] < first + n_cells:
            cells[hidden[p] - first] = -np.inf
            p += 1
        at[u] = p
        before, limit = n, bar[u]
        for left in range(0, n_cells, STRIP):
            right = min(left + STRIP, n_cells)
            # Counting over a slice is what the compiler turns into vector code; a flag or a maximum is not.
            strip = cells[left:right]
            above = 0
            for j in range(len(strip)):
                above += strip[j] > limit
            if above == 0:
                continue
            for j in range(left, right):
                if cells[j] > limit:
                    if n == len(mine):
                        kth[u] = _kth(mine, n, k, scratch)
                        limit = np.float32(kth[u] - 2.0 * doubt[u])
                        n = _drop(mine, places, n, limit)
                        if n > len(mine) - (len(mine) - 2 * k) // 4:
                            n = -1
                            break
                        if not cells[j] > limit:
                            continue
                    mine[n], places[n] = cells[j], first + j
                    n += 1
            if n < 0:
                break
        if n < 0:
            kth[u] = np.inf
        elif n > before and n >= k:
            kth[u] = _kth(mine, n, k, scratch)
            limit = np.float32(kth[u] - 2.0 * doubt[u])
            n = _drop(mine, places, n, limit)
        held[u], bar[u] = n, limit


@njit(cache=True, nogil=True)
def _kth(values: Array, n: int, k: int, scratch: Array) -> Any:
    scratch[:n] = values[:n]
    return kth_highest(scratch, n, k)


@njit(cache=True, nogil=True)
def _drop(values: Array, places: Array, n: int, limit: Any) -> int:
    """Move the entries above the limit to the front; returns how many."""
    kept = 0
    for c in range(n):
        if values[c] > limit:
            values[kept], places[kept] = values[c], places[c]
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def _settle(
    users: Array, asked: Array, vectors: Array, order: Array, where: Array, held: Array, item: Array, score: Array,
    found: Array,
) -> None:  # fmt: skip
    """Score the candidates pair by pair and order the best of them."""
    for u in users:
        best_item, best_score = item[u], score[u]
        n = 0
        for c in range(held[u]):
            i = order[where[u, c]]
            value = np.float32(dot(asked, u, vectors, i))
            if np.isfinite(value):
                n = offer(best_score, best_item, n, len(best_item), value, i)
        unheap(best_score, best_item, n)
        found[u] = n


@njit(cache=True, nogil=True)
def _scan(
    asked: Array, long: Array, users: Array, vectors: Array, order: Array, length: Array, hidden: Array,
    offsets: Array, item: Array, score: Array, found: Array,
) -> None:  # fmt: skip
    """Score items pair by pair, longest first, until none that follows can be among the best."""
    for u in users:
        best_item, best_score = item[u], score[u]
        n, k = 0, len(best_item)
        mine = np.sort(hidden[offsets[u] : offsets[u + 1]])
        p = 0
        reach = long[u] * (1.0 + 1e-6)
        for place in range(len(order)):
            if n == k and reach * length[place] < best_score[0]:
                break
            while p < len(mine) and mine[p] < place:
                p += 1
            if p < len(mine) and mine[p] == place:
                continue
            value = np.float32(dot(asked, u, vectors, order[place]))
            if np.isfinite(value) and (n < k or value >= best_score[0]):
                n = offer(best_score, best_item, n, k, value, order[place])
        unheap(best_score, best_item, n)
        found[u] = n


@njit(cache=True, nogil=True)
def _places(bounds: Array, items: Array, place: Array, width: int, out: Array, offsets: Array) -> int:
    """Places of ragged items, tile by tile, into `out` and `offsets`; returns how many."""
    start = np.zeros(len(place) // width + 2, np.int64)
    n = 0
    offsets[0] = 0
    for b in range(len(bounds) - 1):
        start[:] = 0
        for t in range(bounds[b], bounds[b + 1]):
            i = items[t]
            if 0 <= i < len(place) and place[i] >= 0:
                start[place[i] // width + 1] += 1
        for s in range(1, len(start)):
            start[s] += start[s - 1]
        total = start[-1]
        for t in range(bounds[b], bounds[b + 1]):
            i = items[t]
            if 0 <= i < len(place) and place[i] >= 0:
                s = place[i] // width
                out[n + start[s]] = place[i]
                start[s] += 1
        n += total
        offsets[b + 1] = n
    return n


@njit(cache=True, nogil=True)
def _lengths(rows: Array) -> Array:
    """float64[n], lengths rounded up; infinite where a value is not finite."""
    out = np.empty(len(rows))
    d = rows.shape[1]
    for r in range(rows.shape[0]):
        total, largest = 0.0, 0.0
        for f in range(d):
            value = np.float64(rows[r, f])
            total += value * value
            largest = max(largest, abs(value))
        if not np.isfinite(total):
            out[r] = np.inf
        elif total < 1e-280:  # squares may have vanished
            out[r] = largest * np.sqrt(d)
        else:
            out[r] = np.sqrt(total) * (1.0 + 1e-12)
    return out
