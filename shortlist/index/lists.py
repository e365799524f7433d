"""The compiled search of inverted lists over byte codes: which lists, which codes, and the exact scores of the best.

One call answers a batch from end to end, because for a single query the way in and out of compiled code costs as much
as the search. A query becomes whole numbers of 15 bits, so the product with a code is integer arithmetic that the
compiler turns into vector code with twice as many lanes as floats have; what that rounds away is far below what the
codes themselves lose, and the best are compared exactly anyway.

Cost: 2*C*D flops for the centres and 2*D per code met.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from shortlist.core.types import Array
from shortlist.index.blocks import LANES, WIDTH, block_scores
from shortlist.index.kernels import finish
from shortlist.kernels.heaps import keep_highest, offer, unheap

_ROOM = 4
_LARGEST = 32_767


@njit(cache=True, nogil=True)
def whole_numbers(query: Array, step: Array, out: Array) -> np.float32:
    """Round query * step to int16[W], W >= D, scaled so that a sum of D products with bytes fits into 32 bits.

    Returns:
        What one unit of such a sum is worth.
    """
    top = np.float32(0.0)
    for f in range(len(step)):
        top = max(top, abs(query[f] * step[f]))
    reach = min(_LARGEST, 2**31 // (256 * len(step)) - 1)
    out[:] = 0
    if not top > 0.0:
        return np.float32(0.0)
    scale = np.float32(reach) / top
    for f in range(len(step)):
        out[f] = np.int16(np.round(query[f] * step[f] * scale))
    return top / np.float32(reach)


@njit(cache=True, nogil=True)
def run_scores(weight: Array, unit: np.float32, code: Array, first: int, last: int, out: Array) -> int:
    """Scores of codes first..last, into out.

    Args:
        weight: int16[W], of the query, filled with zeros.
        unit: what one of a sum is worth.
        code: uint8[n], blocks.
        first: from this code on.
        last: up to this one, excluded.
        out: float32, with room for a block more at both ends.

    Returns:
        Where in `out` the first score is.
    """
    top = first // LANES
    for block in range(top, -(-last // LANES)):
        block_scores(weight, unit, code, block * LANES * len(weight), len(weight) // 2, out, (block - top) * LANES)
    return first - top * LANES


@njit(cache=True, nogil=True)
def picked_scores(
    weight: Array, unit: np.float32, code: Array, place: Array, first: int, last: int, spare: Array, out: Array
) -> None:
    """Scores of the codes at ascending place[first..last], into out from 0; `spare` has room for a block."""
    held = -1
    for i in range(first, last):
        block = place[i] // LANES
        if block != held:
            block_scores(weight, unit, code, block * LANES * len(weight), len(weight) // 2, spare, 0)
            held = block
        out[i - first] = spare[place[i] % LANES]


@njit(cache=True, nogil=True)
def _centre_scores(weight: Array, unit: np.float32, centres: Array, half: Array, out: Array) -> None:
    run_scores(weight, unit, centres, 0, len(half), out)
    for c in range(len(half)):
        out[c] -= half[c]


@njit(cache=True, nogil=True)
def _any_above(score: Array, first: int, bar: np.float32) -> bool:
    """Whether one of the next `LANES` scores reaches the bar; most blocks hold none once the bar is up."""
    above = 0
    for lane in range(LANES):
        above += score[first + lane] >= bar
    return above > 0


@njit(cache=True, nogil=True)
def _nearest_lists(near: Array, n_lists: int, score: Array, number: Array) -> int:
    """The best len(score) of all lists, best first; returns how many there are."""
    held = 0
    for top in range(0, n_lists, LANES):
        if held == len(score) and not _any_above(near, top, score[0]):
            continue
        for c in range(top, min(top + LANES, n_lists)):
            if held < len(score) or near[c] > score[0]:
                held = offer(score, number, held, len(score), near[c], c)
    # Nearest lists first: the bar that candidates have to pass then rises early.
    unheap(score, number, held)
    return held


@njit(cache=True, nogil=True)
def _thinned(value: Array, best: Array, held: int, wanted: int) -> np.float32:
    """Leave the best in front of a full reservoir; what the next ones have to reach."""
    keep_highest(value, best, held, wanted)
    bar: np.float32 = value[:wanted].min()
    return bar


@njit(cache=True, nogil=True)
def _poured(value: Array, best: Array, held: int, wanted: int, out: Array) -> int:
    """Pour the best of a reservoir out; how many there are."""
    if held > wanted:
        keep_highest(value, best, held, wanted)
        held = wanted
    for c in range(held):
        out[c] = best[c]
    return held


@njit(cache=True, nogil=True)
def _passes(by_id: Array, number: int) -> bool:
    """Whether a filter lets an id through; what lies beyond its end is hidden."""
    return number < len(by_id) and by_id[number] != 0


@njit(cache=True, nogil=True)
def _longest_list(start: Array) -> int:
    longest = 0
    for c in range(len(start) - 1):
        longest = max(longest, start[c + 1] - start[c])
    return longest


@njit(cache=True, nogil=True)
def search_lists(
    queries: Array,
    centres: Array,
    half: Array,
    step: Array,
    start: Array,
    code: Array,
    slot: Array,
    bias: Array,
    probes: int,
    wanted: int,
    base: Array,
    late: Array,
    ids: Array,
    alive: Array,
    by_id: Array,
    sealed: int,
    item: Array,
    score: Array,
    found: Array,
) -> None:
    """The best k of each query over its nearest lists and over what was added since.

    Args:
        queries: float32[B, D].
        centres: uint8, codes of the centres, in blocks.
        half: float32[C], half the squared length of each whole centre.
        step: float32[D], what one level of a code is worth.
        start: int64[C+1], where each list starts among the codes.
        code: uint8, in blocks.
        slot: int32[n], of each code.
        bias: float32[n], half the squared length of each vector for distances; empty for products.
        probes: lists to open.
        wanted: candidates to compare exactly, at least k.
        base: float32[Nb, D], vectors by slot.
        late: float32[Nl, D], vectors of later slots.
        ids: int64[n_slots].
        alive: uint8[n_slots].
        by_id: uint8[n], the filter; empty allows all, what lies beyond its end is hidden.
        sealed: slots from here on are not in the lists.
        item: out, int64[B, k].
        score: out, float64[B, k].
        found: out, int64[B].
    """
    near = np.empty(len(half) + LANES, np.float32)
    buffer = np.empty(_longest_list(start) + 3 * LANES, np.float32)
    list_score, list_number = np.empty(probes, np.float32), np.empty(probes, np.int64)
    weight = np.empty(-(-len(step) // WIDTH) * WIDTH, np.int16)
    # Candidates gather in a reservoir several times as large as wanted and are thinned when it is full: an entry costs
    # a store instead of a walk through a heap.
    room = _ROOM * wanted
    value, best = np.empty(room, np.float32), np.empty(room, np.int64)
    tail = 0
    filtered, euclidean = len(by_id) > 0, len(bias) > 0
    candidate = np.full((queries.shape[0], wanted), -1, np.int64)
    if filtered:
        for number in range(sealed, len(alive)):
            tail += alive[number] != 0 and _passes(by_id, ids[number])
        candidate = np.full((queries.shape[0], wanted + tail), -1, np.int64)
    for b in range(queries.shape[0]):
        query, chosen = queries[b], candidate[b]
        # No function of their own: handing over eight arrays is a fiftieth of the search of a small index.
        unit = whole_numbers(query, step, weight)
        _centre_scores(weight, unit, centres, half, near)
        n_near = _nearest_lists(near, len(half), list_score, list_number)
        held = 0
        bar = np.float32(-np.inf)
        for j in range(n_near):
            first, last = start[list_number[j]], start[list_number[j] + 1]
            shift = run_scores(weight, unit, code, first, last, buffer) - first
            if euclidean:
                for p in range(first, last):
                    buffer[p + shift] -= bias[p]
            for top in range(first, last, LANES):
                if not _any_above(buffer, top + shift, bar):
                    continue
                for p in range(top, min(top + LANES, last)):
                    this = buffer[p + shift]
                    if this < bar:
                        continue
                    number = slot[p]
                    if alive[number] == 0:
                        continue
                    if filtered and not _passes(by_id, ids[number]):
                        continue
                    value[held], best[held] = this, number
                    held += 1
                    if held == room:
                        bar = _thinned(value, best, held, wanted)
                        held = wanted
        held = _poured(value, best, held, wanted, chosen)
        if filtered:
            for number in range(sealed, len(alive)):
                if alive[number] != 0 and _passes(by_id, ids[number]):
                    chosen[held] = number
                    held += 1
    rest = len(alive) if filtered else sealed
    finish(queries, candidate, rest, base, late, ids, alive, euclidean, item, score, found)


@njit(cache=True, nogil=True)
def search_few(
    queries: Array,
    centres: Array,
    half: Array,
    step: Array,
    start: Array,
    code: Array,
    slot: Array,
    bias: Array,
    probes: int,
    wanted: int,
    base: Array,
    late: Array,
    ids: Array,
    alive: Array,
    place: Array,
    fresh: Array,
    item: Array,
    score: Array,
    found: Array,
) -> None:
    """The best k of each query among a few allowed vectors, of which only those in its nearest lists are looked at.

    Args: as `search_lists`, and:
        place: int64[n], ascending, where the codes of the allowed vectors are.
        fresh: int64[n], allowed slots that are not in the lists.
    """
    near = np.empty(len(half) + LANES, np.float32)
    list_score, list_number = np.empty(probes, np.float32), np.empty(probes, np.int64)
    weight = np.empty(-(-len(step) // WIDTH) * WIDTH, np.int16)
    room = _ROOM * wanted
    value, best = np.empty(room, np.float32), np.empty(room, np.int64)
    buffer, spare = np.empty(min(len(place), _longest_list(start)), np.float32), np.empty(LANES, np.float32)
    euclidean = len(bias) > 0
    candidate = np.full((queries.shape[0], wanted + len(fresh)), -1, np.int64)
    for b in range(queries.shape[0]):
        query, chosen = queries[b], candidate[b]
        unit = whole_numbers(query, step, weight)
        _centre_scores(weight, unit, centres, half, near)
        n_near = _nearest_lists(near, len(half), list_score, list_number)
        held = 0
        bar = np.float32(-np.inf)
        for j in range(n_near):
            first = _first_from(place, start[list_number[j]], 0)
            last = _first_from(place, start[list_number[j] + 1], first)
            picked_scores(weight, unit, code, place, first, last, spare, buffer)
            for i in range(first, last):
                this = buffer[i - first]
                if euclidean:
                    this -= bias[place[i]]
                if this < bar:
                    continue
                value[held], best[held] = this, slot[place[i]]
                held += 1
                if held == room:
                    bar = _thinned(value, best, held, wanted)
                    held = wanted
        held = _poured(value, best, held, wanted, chosen)
        for c in range(len(fresh)):
            chosen[held + c] = fresh[c]
    finish(queries, candidate, len(alive), base, late, ids, alive, euclidean, item, score, found)


@njit(cache=True, nogil=True)
def _first_from(ascending: Array, value: int, low: int) -> int:
    """The first position from `low` on whose entry is not below `value`."""
    high = len(ascending)
    while low < high:
        middle = (low + high) // 2
        if ascending[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low
