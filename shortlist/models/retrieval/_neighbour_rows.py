"""Compiled parts of `_live_neighbours`: one item enters or leaves a place, and the links that are kept afterwards.

Rows of a first pool (see `_row_pool`) hold how many places two items share, with the bit `KEPT` where the item of the
row, the *owner*, keeps the other as a neighbour. Rows of a second pool hold the same numbers of those that are kept, as
an answer reads them: by the item of the history. What an owner keeps is bounded by the weakest of them, `least` and,
among equals, `last`; it is looked at anew only where a change could have moved that bound (`stale`).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from shortlist.core.types import Array
from shortlist.models._neighbour_kernels import COUNT, JACCARD, LIFT

KEPT = 1 << 40
COUNTS = KEPT - 1


@njit(cache=True, nogil=True, inline="always")
def _worth(kind: int, count: int, mine: float, theirs: float, places: float, shrinkage: float) -> float:
    """Likeness of a pair: `_neighbour_kernels.likeness` for one."""
    c = np.float64(count)
    if kind == COUNT:
        value = c
    elif kind == JACCARD:
        value = c / (mine + theirs - c)
    elif kind == LIFT:
        value = c * places / (mine * theirs)
    else:
        value = c / (mine * theirs)
    if shrinkage > 0.0:
        value *= c / (c + shrinkage)
    return value


@njit(cache=True, nogil=True, inline="always")
def _kept(value: float, item: int, least: float, last: int) -> bool:
    return value > least or (value == least and item <= last)


@njit(cache=True, nogil=True)
def _add(
    row: int, column: int, delta: int, start: Array, length: Array, room: Array, columns: Array, counts: Array,
    used: int,
) -> tuple[int, int]:  # fmt: skip
    """Add to one count, which comes with its first and goes with its last; the row must have space to move to.

    Returns:
        What the entry held before, and places of the pool in use afterwards.
    """
    first, held = start[row], length[row]
    p = first + np.searchsorted(columns[first : first + held], column)
    if p < first + held and columns[p] == column:
        before = counts[p]
        counts[p] = before + delta
        if counts[p] & COUNTS == 0:
            for q in range(p, first + held - 1):
                columns[q] = columns[q + 1]
                counts[q] = counts[q + 1]
            length[row] = held - 1
        return before, used
    if held == room[row]:
        used = _move(row, held + 1, start, length, room, columns, counts, used)
        p += start[row] - first
        first = start[row]
    for q in range(first + held, p, -1):
        columns[q] = columns[q - 1]
        counts[q] = counts[q - 1]
    columns[p] = column
    counts[p] = delta
    length[row] = held + 1
    return 0, used


@njit(cache=True, nogil=True)
def _move(
    row: int, wanted: int, start: Array, length: Array, room: Array, columns: Array, counts: Array, used: int
) -> int:
    """Give a row room for `wanted` links and half as many again, at the end of the pool."""
    first, held = start[row], length[row]
    room[row] = wanted + wanted // 2 + 4
    columns[used : used + held] = columns[first : first + held]
    counts[used : used + held] = counts[first : first + held]
    start[row] = used
    return int(used + room[row])


@njit(cache=True, nogil=True)
def step(
    item: int, others: Array, delta: int, new_theirs: float, bounded: bool, by_target: bool, kind: int,
    shrinkage: float, min_common: int, scale: float, mine: Array, theirs: Array, least: Array, last: Array,
    stale: Array,
    start: Array, length: Array, room: Array, columns: Array, counts: Array, used: int,
    start2: Array, length2: Array, room2: Array, columns2: Array, counts2: Array, used2: int,
) -> int:  # fmt: skip
    """Let an item enter (`delta` 1) or leave (-1) a place; the pool must have space for all rows it touches to move.

    Args:
        item: the one.
        others: int64[n], the other items of the place, ascending.
        delta: what every pair gains.
        new_theirs: what likeness divides by for the item as one of the others from now on; `theirs` holds what it was.
        bounded: whether owners keep so many neighbours only.
        by_target: whether the scored item is the owner, or the one in the history.
        kind: what to make of counts.
        shrinkage: see `NeighbourConfig`.
        min_common: see `NeighbourConfig`.
        scale: how many places hold anything, where LIFT is compared by it; all order by it alike, but for rounding.
        mine: float64[M], what likeness divides by for owners.
        theirs: float64[M].
        least: float64[M].
        last: int64[M].
        stale: bool[M], set where the kept ones must be looked at anew.
        start: int64[M]; `length`, `room` int64[M]; `columns` int32[P]; `counts` int64[P]: the first pool.
        length: see above.
        room: see above.
        columns: see above.
        counts: see above.
        used: places of the pool in use.
        start2: like all that follow, the second pool.
        length2: see above.
        room2: see above.
        columns2: see above.
        counts2: see above.
        used2: see above.

    Returns:
        Places of the first pool in use afterwards; the second pool does not grow.
    """
    first, held, n = start[item], length[item], len(others)
    missing = np.zeros(n, np.bool_)
    fresh, gone = 0, False
    p, a, end = first, 0, first + held
    while p < end or a < n:
        if a == n or (p < end and columns[p] < others[a]):
            other, old = columns[p], counts[p] & COUNTS
            new = old
            p += 1
        elif p < end and columns[p] == others[a]:
            other, old = columns[p], counts[p] & COUNTS
            new = old + delta
            if counts[p] & KEPT:
                row, column = (other, item) if by_target else (item, other)
                _add(row, column, delta, start2, length2, room2, columns2, counts2, used2)
            counts[p] += delta
            gone |= new == 0
            p += 1
            a += 1
        else:
            other, old, new = np.int32(others[a]), np.int64(0), np.int64(delta)
            missing[a] = True
            fresh += 1
            a += 1
        if not bounded or stale[other]:
            continue
        worst, name = least[other], last[other]
        was = old >= min_common and _kept(
            _worth(kind, old, mine[other], theirs[item], scale, shrinkage), item, worst, name
        )
        now = new >= min_common and _kept(
            _worth(kind, new, mine[other], new_theirs, scale, shrinkage), item, worst, name
        )
        # Where it is kept before and after, and is not the weakest, those that are kept are the same.
        stale[other] = was != now or (now and name == item)
    stale[item] = bounded

    if held + fresh > room[item]:
        used = _move(item, held + fresh, start, length, room, columns, counts, used)
        first = start[item]
    read, write = first + held - 1, first + held + fresh - 1
    for a in range(n - 1, -1, -1):
        if not missing[a]:
            continue
        while read >= first and columns[read] > others[a]:
            columns[write] = columns[read]
            counts[write] = counts[read]
            read -= 1
            write -= 1
        columns[write] = others[a]
        counts[write] = delta
        write -= 1
    held += fresh
    if gone:
        out = first
        for p in range(first, first + held):
            if counts[p] & COUNTS > 0:
                columns[out] = columns[p]
                counts[out] = counts[p]
                out += 1
        held = out - first
    length[item] = held

    for a in range(n):
        other = others[a]
        before, used = _add(other, item, delta, start, length, room, columns, counts, used)
        if before & KEPT:
            row, column = (item, other) if by_target else (other, item)
            _add(row, column, delta, start2, length2, room2, columns2, counts2, used2)
    return used


@njit(cache=True, nogil=True)
def settle(
    owners: Array, most: int, by_target: bool, kind: int, shrinkage: float, min_common: int, scale: float,
    mine: Array, theirs: Array, least: Array, last: Array, stale: Array,
    start: Array, length: Array, columns: Array, counts: Array,
    start2: Array, length2: Array, room2: Array, columns2: Array, counts2: Array, used2: int,
) -> tuple[int, int]:  # fmt: skip
    """Find what owners keep and write it into the second pool, until that is full; arguments as of `step`.

    Returns:
        How many owners are done, and places of the second pool in use. What was not done can be done again.
    """
    for a in range(len(owners)):
        owner = owners[a]
        first, stop = start[owner], start[owner] + length[owner]
        least[owner], last[owner] = -np.inf, -1
        value = np.empty(stop - first)
        n = 0
        for p in range(first, stop):
            if counts[p] & COUNTS >= min_common:
                value[n] = _worth(kind, counts[p] & COUNTS, mine[owner], theirs[columns[p]], scale, shrinkage)
                n += 1
        if n > most:
            weakest = np.partition(value[:n], n - most)[n - most]
            places = most
            for b in range(n):
                places -= value[b] > weakest
            n = 0
            for p in range(first, stop):
                if counts[p] & COUNTS >= min_common:
                    places -= value[n] == weakest
                    n += 1
                    if places == 0:
                        last[owner] = columns[p]
                        break
            least[owner] = weakest
        n = 0
        for p in range(first, stop):
            other, count = columns[p], counts[p] & COUNTS
            now = False
            if count >= min_common:
                now = _kept(value[n], other, least[owner], last[owner])
                n += 1
            if now == (counts[p] & KEPT > 0):
                continue
            row, column = (other, owner) if by_target else (owner, other)
            if not now:
                _add(row, column, -count, start2, length2, room2, columns2, counts2, used2)
                counts[p] -= KEPT
                continue
            if length2[row] == room2[row] and used2 + (length2[row] + 1) * 3 // 2 + 4 > len(columns2):
                return a, used2
            _, used2 = _add(row, column, count, start2, length2, room2, columns2, counts2, used2)
            counts[p] += KEPT
        stale[owner] = False
    return len(owners), used2


@njit(cache=True, nogil=True)
def rows_of(
    items: Array, by_target: bool, kind: int, shrinkage: float, min_common: int, floor: float, places: float,
    mine: Array, theirs: Array, start: Array, length: Array, columns: Array, counts: Array,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """What having each of int64[n] items says about others: offsets [n+1], columns and likenesses.

    Args:
        items: the ones.
        by_target: whether the scored item is the owner, or the one of the row.
        kind: what to make of counts.
        shrinkage: see `NeighbourConfig`.
        min_common: see `NeighbourConfig`.
        floor: least likeness of a link.
        places: how many hold anything, for LIFT.
        mine: float64[M], what likeness divides by for owners.
        theirs: float64[M].
        start: the pool to read, the second one where owners are bounded.
        length: see above.
        columns: see above.
        counts: see above.
    """
    room = 0
    for i in items:
        room += length[i]
    offsets = np.zeros(len(items) + 1, np.int64)
    column, value = np.empty(room, np.int32), np.empty(room)
    n = 0
    for a in range(len(items)):
        i = items[a]
        for p in range(start[i], start[i] + length[i]):
            j, count = columns[p], counts[p]
            owner, other = (j, i) if by_target else (i, j)
            worth = _worth(kind, count, mine[owner], theirs[other], places, shrinkage)
            if count >= min_common and worth >= floor:
                column[n] = j
                value[n] = worth
                n += 1
        offsets[a + 1] = n
    return offsets, column[:n], value[:n]
