"""The one fold and the one read of running numbers, compiled.

A table holds for every entity a run of rows ordered by time: the time of an event and, behind it, every measure's
running number just after that event. `step` is the fold: it turns the row before and one event into the row after.
Replaying a log applies it row after row; a single event is inserted where its time belongs and the rows behind it are
brought up to date, so that late events leave the state of sorted ones. `read` looks up the last row strictly before
`now` and the last row before each window's beginning: one binary search each.

All hold the interpreter's lock while they run, so that no reader sees half an event.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from shortlist.core.types import Array, Floats, Ints

SUM, DECAY, LATEST = 0, 1, 2


@njit(cache=True)
def step(before: Array, has: bool, row: Array, delta: Array, op: Array, half: Array) -> None:  # pragma: no cover
    """Fill `row[1:]` with the running numbers after an event at `row[0]` that adds `delta` [K]."""
    for k in range(len(op)):
        held = before[1 + k] if has else (-np.inf if op[k] == LATEST else 0.0)
        if op[k] == SUM:
            row[1 + k] = held + delta[k]
        elif op[k] == DECAY:
            fade = 2.0 ** (-(row[0] - before[0]) / half[k]) if has else 0.0
            row[1 + k] = held * fade + delta[k]
        else:
            row[1 + k] = row[0] if delta[k] > 0.0 else held


@njit(cache=True)
def replay(
    at: Floats, delta: Array, offsets: Ints, begin: Ints, op: Array, half: Array, rows: Array
) -> None:  # pragma: no cover
    """Fold events, grouped by entity as `offsets` says and sorted by time within it, into rows from `begin` on."""
    for entity in range(len(offsets) - 1):
        shift = begin[entity] - offsets[entity]
        for j in range(offsets[entity], offsets[entity + 1]):
            rows[j + shift, 0] = at[j]
            step(rows[max(j + shift - 1, 0)], j > offsets[entity], rows[j + shift], delta[j], op, half)


@njit(cache=True)
def cell(at: float, grain: float) -> float:  # pragma: no cover
    """How many whole grains lie before `at`; exact where the quotient is rounded up to a whole number."""
    n = math.floor(at / grain)
    return n - 1.0 if n * grain > at else n


@njit(cache=True)
def _left(rows: Array, low: int, high: int, at: float) -> int:  # pragma: no cover
    """First row of rows[low:high] whose time is not before `at`."""
    while low < high:
        middle = (low + high) // 2
        if rows[middle, 0] < at:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def insert(
    rows: Array, start: Ints, count: Ints, room: Ints, end: Ints,
    entity: int, at: float, delta: Array, op: Array, half: Array,
) -> bool:  # pragma: no cover  # fmt: skip
    """Fold one event into an entity's run; False if `rows` must grow first (nothing was changed)."""
    n = count[entity]
    if n == room[entity]:
        wanted = max(4, 2 * n)
        if end[0] + wanted > len(rows):
            return False
        fresh = end[0]
        for j in range(n):
            rows[fresh + j] = rows[start[entity] + j]
        start[entity], room[entity] = fresh, wanted
        end[0] += wanted
    low, high = start[entity], start[entity] + n
    place = high
    while place > low and rows[place - 1, 0] > at:
        rows[place] = rows[place - 1]
        place -= 1
    rows[place, 0] = at
    step(rows[max(place - 1, 0)], place > low, rows[place], delta, op, half)
    for j in range(place + 1, high + 1):
        for k in range(len(op)):
            if op[k] == SUM:
                rows[j, 1 + k] += delta[k]
            elif op[k] == DECAY:
                rows[j, 1 + k] += delta[k] * 2.0 ** (-(rows[j, 0] - at) / half[k])
            elif delta[k] > 0.0 and rows[j, 1 + k] < at:
                rows[j, 1 + k] = at
    count[entity] = n + 1
    return True


@njit(cache=True)
def read(
    rows: Array, start: Ints, count: Ints, entity: Ints, now: Floats,
    op: Array, half: Array, asked: Ints, asked_window: Ints, grain: Floats, grains: Ints,
) -> Floats:  # pragma: no cover  # fmt: skip
    """float64[n, Q]: what each entity's measures say strictly before its `now`.

    Query q reads measure asked[q] over window asked_window[q] (-1: since the first event). Nothing known reads as 0,
    for the latest time as minus infinity.
    """
    out = np.zeros((len(entity), len(asked)))
    began = np.empty(len(grain), np.int64)
    for i in range(len(entity)):
        key = entity[i]
        known = 0 <= key < len(start)
        low = start[key] if known else 0
        high = low + (count[key] if known else 0)
        last = _left(rows, low, high, now[i])
        for w in range(len(grain)):
            boundary = (cell(now[i], grain[w]) - grains[w] + 1.0) * grain[w]
            began[w] = _left(rows, low, last, boundary)
        for q in range(len(asked)):
            k, w = asked[q], asked_window[q]
            if last == low:
                out[i, q] = -np.inf if op[k] == LATEST else 0.0
            elif op[k] == DECAY:
                out[i, q] = rows[last - 1, 1 + k] * 2.0 ** (-(now[i] - rows[last - 1, 0]) / half[k])
            else:
                out[i, q] = rows[last - 1, 1 + k]
                if op[k] == SUM and w >= 0 and began[w] > low:
                    out[i, q] -= rows[began[w] - 1, 1 + k]
    return out


@njit(cache=True)
def compact(rows: Array, n: int, grain: Floats, grains: Ints) -> int:  # pragma: no cover
    """Drop rows that no window can begin behind any more, as of the last row; returns how many are left.

    A row is needed if a boundary that some later `now` may ask for lies behind it and not behind the next row. What is
    kept depends only on which events there were, not on the order in which they came.
    """
    if n == 0:
        return 0
    head = rows[n - 1, 0]
    kept = 0
    for j in range(n):
        needed = j == n - 1
        for w in range(len(grain)):
            if needed:
                break
            first = (cell(head, grain[w]) - grains[w] + 1.0) * grain[w]
            # The first boundary after this row; it is needed if it is still asked for and not behind the next row.
            after = (cell(rows[j, 0], grain[w]) + 1.0) * grain[w]
            needed = max(after, first) <= rows[j + 1, 0]
        if needed:
            rows[kept] = rows[j]
            kept += 1
    return kept
