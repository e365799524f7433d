"""Compiled parts of `neighbours`: adding up what vectors share, turning sums into likeness, keeping the best.

Vectors are numbered by falling size here (their *rank*). A place lists the ranks of its vectors in ascending order, so
the vectors larger than a given one stand before it, and the sums that are touched most lie together in cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from shortlist.core.types import Array

COUNT, JACCARD, LIFT, RATIO, DOT, PEARSON, ADJUSTED = range(7)
"""What `likeness` makes of the sums; RATIO divides them by the lengths of both vectors."""

LINE = 64
"""Bytes that a processor fetches at once."""
SAMPLE = 32
"""Most values of a sample that are kept in order."""
BLOCK = 16
"""Pairs that are looked at together, because most are turned away."""
AHEAD = 8
"""Lines of the next place to ask for; longer ones the processor foresees."""


def _prefetch(typing: Any, array: Any, at: Any) -> Any:
    """Ask the processor for `array[at]` ahead of time: places are read in an order that it cannot foresee."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.bitcast(builder.gep(view.data, [arguments[1]]), ir.PointerType(ir.IntType(8)))
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address.type, number, number, number])
        function = builder.module.globals.get("llvm.prefetch.p0") or ir.Function(
            builder.module, kind, "llvm.prefetch.p0"
        )
        builder.call(function, [address, number(0), number(3), number(1)])  # to read, into every cache, data
        return context.get_dummy_value()

    return types.void(array, types.intp), code


prefetch: Any = intrinsic(_prefetch)


@njit(cache=True, nogil=True)
def relabelled(
    indptr: Array, indices: Array, weight: Array, rank: Array,
    index: Array, moved: Array, where: Array, place: Array, stop: Array,
) -> None:  # fmt: skip
    """Turn D places over N vectors by rank, twice, so that every row ends up sorted without sorting.

    Fills `index` [nnz], the ranks at each place, and `moved` float64[nnz], their weights (both empty weights: none);
    `where` int64[N+1] and `place` int32[nnz], the places of each vector; `stop` int64[nnz], where in `index` it stands.
    """
    weighted = len(moved) > 0
    for p in range(len(indices)):
        where[rank[indices[p]] + 1] += 1
    for r in range(len(rank)):
        where[r + 1] += where[r]
    fill = where[:-1].copy()
    for d in range(len(indptr) - 1):
        for p in range(indptr[d], indptr[d + 1]):
            r = rank[indices[p]]
            place[fill[r]] = d
            stop[fill[r]] = p
            fill[r] += 1
    fill = indptr[:-1].astype(np.int64)
    for r in range(len(rank)):
        for p in range(where[r], where[r + 1]):
            q = fill[place[p]]
            index[q] = r
            if weighted:
                moved[q] = weight[stop[p]]
            stop[p] = q
            fill[place[p]] += 1


@njit(cache=True, nogil=True)
def compare(
    i: int, whole: bool, kind: int, counted: bool,
    indptr: Array, index: Array, weight: Array, where: Array, place: Array, stop: Array,
    count: Array, total: Array,
) -> None:  # fmt: skip
    """Add up what vector `i` shares with those of smaller rank, or with the `whole` population.

    Into count int32[N], the places in common (if `counted`), and total float64[N, t]: the sum of products (t = 1) and,
    for the measures of ratings (t = 5), of x, y, x^2 and y^2 at the common places, x being the one of `i`.
    """
    last = where[i + 1]
    stride = LINE // index.itemsize
    if counted:
        for p in range(where[i], last):
            if p + 1 < last:
                ahead = np.int64(indptr[place[p + 1]])
                until = np.int64(indptr[place[p + 1] + 1] if whole else stop[p + 1])
                for q in range(ahead, min(until, ahead + AHEAD * stride), stride):
                    prefetch(index, q)
            for q in range(indptr[place[p]], indptr[place[p] + 1] if whole else stop[p]):
                count[index[q]] += 1
    if len(weight) == 0:
        return
    moments = kind in (PEARSON, ADJUSTED)
    for p in range(where[i], last):
        end = indptr[place[p] + 1] if whole else stop[p]
        x = weight[stop[p]]
        if moments:
            for q in range(indptr[place[p]], end):
                y = weight[q]
                sums = total[index[q]]
                sums[0] += x * y
                sums[1] += x
                sums[2] += y
                sums[3] += x * x
                sums[4] += y * y
        else:
            for q in range(indptr[place[p]], end):
                total[index[q], 0] += x * weight[q]


@njit(cache=True, nogil=True, error_model="numpy")
def likeness(
    n: int, kind: int, mine: float, theirs: Array, used: float, shrinkage: float, min_common: int,
    count: Array, total: Array, value: Array,
) -> None:  # fmt: skip
    """Likeness of one vector to those of rank 0..n-1 into value[:n]; 0 or NaN where nothing is shared.

    Args:
        n: how many.
        kind: what to make of the sums.
        mine: length or size of the vector.
        theirs: float64[N], those of the others.
        used: places that hold anything, for LIFT.
        shrinkage: see `NeighbourConfig`.
        min_common: see `NeighbourConfig`.
        count: see `compare`.
        total: see `compare`.
        value: float64[N].
    """
    if kind == COUNT:
        for j in range(n):
            value[j] = count[j]
    elif kind == JACCARD:
        for j in range(n):
            c = np.float64(count[j])
            value[j] = c / (mine + theirs[j] - c)
    elif kind == LIFT:
        for j in range(n):
            value[j] = count[j] * used / (mine * theirs[j])
    elif kind == RATIO and len(total) == 0:
        for j in range(n):
            value[j] = count[j] / (mine * theirs[j])
    elif kind == RATIO:
        for j in range(n):
            scale = mine * theirs[j]
            value[j] = total[j, 0] / (scale if scale > 0.0 else 1.0)
    elif kind == DOT:
        for j in range(n):
            value[j] = total[j, 0]
    else:
        for j in range(n):
            value[j] = 0.0
            if count[j] > 0:
                value[j] = _agreement(kind, np.float64(count[j]), total[j])
    if shrinkage > 0.0:
        for j in range(n):
            value[j] *= count[j] / (count[j] + shrinkage)
    if min_common > 1:
        for j in range(n):
            if count[j] < min_common:
                value[j] = 0.0


@njit(cache=True, nogil=True)
def _agreement(kind: int, n: float, sums: Array) -> float:
    """Correlation of ratings, or their cosine around the mean of each place; 0 where somebody deviates nowhere."""
    dot, left, right = sums[0], sums[3], sums[4]
    if kind == PEARSON:
        dot -= sums[1] * sums[2] / n
        left -= sums[1] ** 2 / n
        right -= sums[2] ** 2 / n
    if left > 1e-9 and right > 1e-9:
        return float(dot / np.sqrt(left * right))
    return 0.0


@njit(cache=True, nogil=True)
def clear(n: int, count: Array, total: Array) -> None:
    """Forget the sums of rank 0..n-1."""
    for j in range(min(n, len(count))):
        count[j] = 0
    for j in range(min(n, len(total))):
        for t in range(total.shape[1]):
            total[j, t] = 0.0


@njit(cache=True, nogil=True)
def offer(
    value: float, other: int, best: Array, who: Array, held: Array, least: Array, i: int, k: int, name: Array
) -> None:
    """Put one candidate of vector `i` into its room of best float64[N, room]; a full room is cut to its `k` best."""
    n = held[i]
    best[i, n] = value
    who[i, n] = other
    held[i] = n + 1
    if n + 1 == best.shape[1]:
        settle(best, who, held, least, i, k, name)


@njit(cache=True, nogil=True)
def settle(best: Array, who: Array, held: Array, least: Array, i: int, k: int, name: Array) -> None:
    """Cut the candidates of vector `i` to the `k` best, and ask later ones to be as good."""
    if held[i] > k:
        cut(best[i], who[i], held[i], k, name)
        held[i] = k
    if held[i] == k:
        lowest = best[i, 0]
        for a in range(1, k):
            lowest = min(lowest, best[i, a])
        least[i] = max(least[i], lowest)


@njit(cache=True, nogil=True)
def sampled_least(value: Array, n: int, k: int, sample: Array) -> float:
    """A bound that at least `k` of value[:n] reach, close to the k-th largest: guessed from a sample, then verified."""
    if n < 8 * k:
        return -np.inf
    step = max(1, k // 8)
    rank = (3 * k) // (2 * step) + 4
    for a in range(rank):
        sample[a] = -np.inf
    for j in range(0, n, step):
        v = value[j]
        if v > sample[rank - 1]:
            a = rank - 1
            while a > 0 and sample[a - 1] < v:
                sample[a] = sample[a - 1]
                a -= 1
            sample[a] = v
    bound = sample[rank - 1]
    reach = 0
    for j in range(n):
        reach += value[j] >= bound
    return bound if reach >= k else -np.inf


@njit(cache=True, nogil=True)
def _before(value: float, name: int, other: float, other_name: int) -> bool:
    return value > other or (value == other and name < other_name)


@njit(cache=True, nogil=True)
def cut(best: Array, who: Array, n: int, k: int, name: Array) -> None:
    """Move the `k` best of n candidates to the front; of equal ones the smaller name is better."""
    low, high = 0, n - 1
    while low < high:
        middle = (low + high) // 2
        pivot, pivot_name = best[middle], name[who[middle]]
        a, b = low, high
        while a <= b:
            while _before(best[a], name[who[a]], pivot, pivot_name):
                a += 1
            while _before(pivot, pivot_name, best[b], name[who[b]]):
                b -= 1
            if a <= b:
                best[a], best[b] = best[b], best[a]
                who[a], who[b] = who[b], who[a]
                a += 1
                b -= 1
        if k - 1 <= b:
            high = b
        elif k - 1 >= a:
            low = a
        else:
            return


@njit(cache=True, nogil=True)
def best_in_pairs(
    first: int, step: int, k: int, kind: int, counted: bool, mirrored: bool, used: float, shrinkage: float,
    min_common: int,
    indptr: Array, index: Array, weight: Array, where: Array, place: Array, stop: Array,
    mine: Array, theirs: Array, name: Array, best: Array, who: Array, held: Array, least: Array,
) -> None:  # fmt: skip
    """Offer every pair of vectors to both, for every `step`-th vector and those of smaller rank.

    Fills best float64[N, room], who int32[N, room] and held int64[N] with the best, and up to room - k others.
    least float64[N] is what a candidate must reach. Workers share it without a lock: whatever one writes is a bound
    that k candidates reach, and what is kept in the end does not depend on how early others were turned away.
    """
    n = len(where) - 1
    count = np.zeros(n if counted else 0, np.int32)
    width = 5 if kind in (PEARSON, ADJUSTED) else 1
    total = np.zeros((n if len(weight) > 0 else 0, width))
    value = np.empty(n)
    back = np.empty(n if mirrored else 0)
    sample = np.empty(SAMPLE)
    owner, other, waiting = (
        np.empty(2 * BLOCK + 1, np.int32),
        np.empty(2 * BLOCK + 1, np.int32),
        np.empty(2 * BLOCK + 1),
    )
    for i in range(first, n, step):
        if where[i] == where[i + 1]:
            break
        compare(i, False, kind, counted, indptr, index, weight, where, place, stop, count, total)
        likeness(i, kind, mine[i], theirs, used, shrinkage, min_common, count, total, value)
        if mirrored:
            likeness(i, kind, theirs[i], mine, used, shrinkage, min_common, count, total, back)
        clear(i, count, total)
        least[i] = max(least[i], sampled_least(value, i, k, sample))
        for start in range(0, i, BLOCK):
            end = min(start + BLOCK, i)
            bound = least[i]
            good = False
            for j in range(start, end):
                good |= (value[j] >= bound) | (value[j] >= least[j])
            if mirrored:
                for j in range(start, end):
                    good |= back[j] >= least[j]
            if not good:
                continue
            # Without a branch: which of them pass is what a processor guesses wrong.
            m = 0
            for j in range(start, end):
                owner[m], other[m], waiting[m] = i, j, value[j]
                m += value[j] >= bound
                found = back[j] if mirrored else value[j]
                owner[m], other[m], waiting[m] = j, i, found
                m += found >= least[j]
            for a in range(m):
                offer(waiting[a], other[a], best, who, held, least, owner[a], k, name)
        settle(best, who, held, least, i, k, name)


@njit(cache=True, nogil=True)
def merged(
    k: int, best: Array, who: Array, held: Array, more: Array, more_who: Array, more_held: Array, name: Array
) -> None:
    """Add the candidates of another worker to `best`, keeping the `k` best."""
    size = 2 * best.shape[1]
    room, room_who = np.empty(size), np.empty(size, who.dtype)
    for i in range(len(held)):
        n = held[i]
        m = more_held[i]
        # Loops, not slices: those take ten times longer to compile.
        for a in range(n):
            room[a], room_who[a] = best[i, a], who[i, a]
        for a in range(m):
            room[n + a], room_who[n + a] = more[i, a], more_who[i, a]
        n += m
        if n > k:
            cut(room, room_who, n, k, name)
            n = k
        for a in range(n):
            best[i, a], who[i, a] = room[a], room_who[a]
        held[i] = n


@njit(cache=True, nogil=True)
def best_in_rows(
    first: int, last: int, k: int, kind: int, counted: bool, used: float, shrinkage: float, min_common: int,
    floor: float,
    indptr: Array, index: Array, weight: Array, where: Array, place: Array, stop: Array,
    mine: Array, theirs: Array, name: Array,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Best `k` others of the vectors of rank first..last-1, each compared with all: (lengths, who, value)."""
    n = len(where) - 1
    count = np.zeros(n if counted else 0, np.int32)
    width = 5 if kind in (PEARSON, ADJUSTED) else 1
    total = np.zeros((n if len(weight) > 0 else 0, width))
    value = np.empty(n)
    lengths = np.zeros(last - first, np.int64)
    who = np.empty(1024, np.int32)
    best = np.empty(1024)
    used_up = 0
    for i in range(first, last):
        if where[i] == where[i + 1]:
            break
        compare(i, True, kind, counted, indptr, index, weight, where, place, stop, count, total)
        likeness(n, kind, mine[i], theirs, used, shrinkage, min_common, count, total, value)
        clear(n, count, total)
        value[i] = np.nan
        found = 0
        for j in range(n):
            if value[j] >= floor:
                found += 1
        if used_up + found > len(who):
            size = 2 * (used_up + found)
            wider, more = np.empty(size, np.int32), np.empty(size)
            for a in range(used_up):
                wider[a], more[a] = who[a], best[a]
            who, best = wider, more
        a = used_up
        for j in range(n):
            if value[j] >= floor:
                who[a], best[a] = j, value[j]
                a += 1
        if found > k:
            cut(best[used_up:a], who[used_up:a], found, k, name)
            found = k
        lengths[i - first] = found
        used_up += found
    return lengths, who[:used_up].copy(), best[:used_up].copy()
