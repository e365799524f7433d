"""Compiled parts of the counter models: counting rows, adding one event's change to live rows, answering.

Live rows stand in a pool, see `_row_pool`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from shortlist.core.types import Array


@njit(cache=True, nogil=True)
def count_rows(
    first: int, stop: int, n_items: int,
    user_offsets: Array, user_where: Array, user_of: Array, mine_offsets: Array, mine_item: Array, share: Array,
    seen_offsets: Array, seen_where: Array, row_of: Array, past_offsets: Array, past_item: Array, steps: Array,
    limit: int,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Counter rows first..stop as (lengths, columns in order of discovery, counts)."""
    total = np.zeros(n_items, np.int64)
    found = np.empty(n_items, np.int32)
    lengths = np.zeros(stop - first, np.int64)
    columns = np.empty(1024, np.int32)
    counts = np.empty(1024, np.int64)
    used = 0
    window = len(steps) - 1
    for i in range(first, stop):
        n = 0
        for p in range(user_offsets[i], user_offsets[i + 1]):
            user = user_of[user_where[p]]
            for q in range(mine_offsets[user], mine_offsets[user + 1]):
                j = mine_item[q]
                if j != i:
                    if total[j] == 0:
                        found[n] = j
                        n += 1
                    total[j] += share[user]
        for p in range(seen_offsets[i], seen_offsets[i + 1]):
            at = seen_where[p]
            end = min(past_offsets[row_of[at] + 1], at + window + 1)
            for q in range(at + 1, end):
                j = past_item[q]
                if j != i:
                    if total[j] == 0:
                        found[n] = j
                        n += 1
                    total[j] += steps[q - at]
        if used + n > len(columns):
            size = 2 * (used + n)
            wider = np.empty(size, np.int32)
            wider[:used] = columns[:used]
            columns = wider
            more = np.empty(size, np.int64)
            more[:used] = counts[:used]
            counts = more
        for a in range(n):
            j = found[a]
            columns[used] = j
            counts[used] = total[j]
            total[j] = 0
            used += 1
        lengths[i - first] = n
        if used > limit:
            break
    return lengths, columns[:used].copy(), counts[:used].copy()


@njit(cache=True, nogil=True)
def largest(value: Array, k: int) -> Array:
    """bool[n], the k largest values; among equals the earlier ones."""
    threshold = np.partition(value, len(value) - k)[len(value) - k]
    keep: Array = value > threshold
    room = k - keep.sum()
    for a in range(len(value)):
        if room > 0 and value[a] == threshold:
            keep[a] = True
            room -= 1
    return keep


@njit(cache=True, nogil=True)
def strongest(indptr: Array, indices: Array, counts: Array, to_scale: Array, k: int) -> Array:
    """bool[links], those that remain when every row is cut to its k strongest."""
    kept = np.ones(len(indices), np.bool_)
    for i in range(len(indptr) - 1):
        first, stop = indptr[i], indptr[i + 1]
        if stop - first > k:
            value = np.empty(stop - first)
            for p in range(first, stop):
                value[p - first] = counts[p] * to_scale[indices[p]]
            kept[first:stop] = largest(value, k)
    return kept


@njit(cache=True, nogil=True)
def _grouped(past: Array, rows: Array) -> tuple[Array, Array, Array]:
    """A past in terms of rows: the number of each event's row, and the events of each row as offsets and numbers."""
    number = np.searchsorted(rows, past)
    offsets = np.zeros(len(rows) + 1, np.int64)
    for at in range(len(past)):
        offsets[number[at] + 1] += 1
    for r in range(len(rows)):
        offsets[r + 1] += offsets[r]
    fill = offsets[:-1].copy()
    where = np.empty(len(past), np.int64)
    for at in range(len(past)):
        where[fill[number[at]]] = at
        fill[number[at]] += 1
    return number, offsets, where


@njit(cache=True, nogil=True)
def change_rows(
    before: Array, share_before: int, after: Array, share_after: int, rows: Array, steps: Array,
    start: Array, length: Array, room: Array, columns: Array, counts: Array, used: int,
    to_scale: Array, cut_above: int, cut_to: int,
) -> int:  # fmt: skip
    """Replace one user's past by another in all rows it touches; the pool must have space for all of them to move.

    Args:
        before: int64[L], the past so far.
        share_before: what each pair of its distinct items counts.
        after: int64[L'], the past from now on.
        share_after: likewise.
        rows: int64[R], distinct items of both, ascending.
        steps: int64[window + 1].
        start: int64[M]; `length`, `room` int64[M]; `columns` int32[P]; `counts` int64[P]: the pool.
        length: see above.
        room: see above.
        columns: see above.
        counts: see above.
        used: places of the pool in use.
        to_scale: float64[M], by which a link's strength is compared.
        cut_above: rows longer than this are cut; 0 never cuts.
        cut_to: links left in a row that is cut.

    Returns:
        Places of the pool in use afterwards.
    """
    n_rows = len(rows)
    old, old_offsets, old_where = _grouped(before, rows)
    new, new_offsets, new_where = _grouped(after, rows)
    change = np.empty(n_rows, np.int64)
    for r in range(n_rows):
        i = rows[r]
        lost = share_before if old_offsets[r + 1] > old_offsets[r] else 0
        won = share_after if new_offsets[r + 1] > new_offsets[r] else 0
        for c in range(n_rows):
            change[c] = 0
            if old_offsets[c + 1] > old_offsets[c]:
                change[c] -= lost
            if new_offsets[c + 1] > new_offsets[c]:
                change[c] += won
        for p in range(old_offsets[r], old_offsets[r + 1]):
            for q in range(old_where[p] + 1, min(len(before), old_where[p] + len(steps))):
                change[old[q]] -= steps[q - old_where[p]]
        for p in range(new_offsets[r], new_offsets[r + 1]):
            for q in range(new_where[p] + 1, min(len(after), new_where[p] + len(steps))):
                change[new[q]] += steps[q - new_where[p]]
        change[r] = 0

        first, held, fresh, gone = start[i], length[i], 0, False
        p, end = first, first + held
        long = held > 16 * n_rows
        for c in range(n_rows):
            if change[c] == 0:
                continue
            j = rows[c]
            if long:
                p += np.searchsorted(columns[p:end], j)
            else:
                while p < end and columns[p] < j:
                    p += 1
            if p < end and columns[p] == j:
                counts[p] = max(counts[p] + change[c], 0)
                gone |= counts[p] == 0
                change[c] = 0
            elif change[c] > 0:
                fresh += 1
            else:
                change[c] = 0  # a link that was cut has nothing to take away from
        if held + fresh > room[i]:
            room[i] = held + fresh + (held + fresh) // 2 + 4
            columns[used : used + held] = columns[first:end]
            counts[used : used + held] = counts[first:end]
            start[i] = first = used
            used += room[i]
        # From the back: what is new goes between what was there.
        read, write = first + held - 1, first + held + fresh - 1
        for c in range(n_rows - 1, -1, -1):
            if fresh == 0:
                break
            if change[c] == 0:
                continue
            while read >= first and columns[read] > rows[c]:
                columns[write] = columns[read]
                counts[write] = counts[read]
                read -= 1
                write -= 1
            columns[write] = rows[c]
            counts[write] = change[c]
            write -= 1
            fresh -= 1
            held += 1
        if gone:
            out = first
            for p in range(first, first + held):
                if counts[p] > 0:
                    columns[out] = columns[p]
                    counts[out] = counts[p]
                    out += 1
            held = out - first
        if 0 < cut_above < held:
            value = np.empty(held)
            for a in range(held):
                value[a] = counts[first + a] * to_scale[columns[first + a]]
            keep = largest(value, cut_to)
            out = first
            for a in range(held):
                if keep[a]:
                    columns[out] = columns[first + a]
                    counts[out] = counts[first + a]
                    out += 1
            held = cut_to
        length[i] = held
    return used


@njit(cache=True, nogil=True)
def gather(
    offsets: Array, item: Array, weight: Array, start: Array, stop: Array, columns: Array, counts: Array,
    to_scale: Array, out: Array,
) -> None:  # fmt: skip
    """Weighted sum of counter rows per request, damped, into out float32[B, M]; NaN where nothing was added."""
    total = np.zeros(out.shape[1], np.float64)
    for b in range(out.shape[0]):
        for t in range(offsets[b], offsets[b + 1]):
            i = item[t]
            w = weight[t]
            for p in range(start[i], stop[i]):
                total[columns[p]] += w * counts[p]
        for j in range(out.shape[1]):
            out[b, j] = total[j] * to_scale[j] if total[j] > 0.0 else np.nan
            total[j] = 0.0
