"""Bounded heaps of (score, item): the compiled form of the one order, score first, then the smaller item.

`core/order.py` orders whole tables; a list of k out of a whole catalogue is cut while it is scanned, and these loops do
that by the same rule. Scores are finite here: callers leave out what is not. Where many candidates are wanted and their
order is not, selection takes the place of a heap. Cost: log k per accepted entry; selection is linear.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from shortlist.core.types import Array


@njit(cache=True, nogil=True)
def sink(score: Array, item: Array, n: int) -> None:
    """Restore a heap of n entries whose root was replaced; the root is the worst: lowest score, then largest item."""
    at = 0
    top_score, top_item = score[0], item[0]
    while True:
        child = 2 * at + 1
        if child >= n:
            break
        right = child + 1
        if right < n and (score[right] < score[child] or (score[right] == score[child] and item[right] > item[child])):
            child = right
        if score[child] < top_score or (score[child] == top_score and item[child] > top_item):
            score[at], item[at] = score[child], item[child]
            at = child
        else:
            break
    score[at], item[at] = top_score, top_item


@njit(cache=True, nogil=True)
def offer(score: Array, item: Array, n: int, limit: int, new_score: Any, new_item: int) -> int:
    """Put one entry into a heap of at most `limit` places; returns how many it holds now."""
    if n < limit:
        at = n
        while at > 0:
            up = (at - 1) // 2
            if new_score < score[up] or (new_score == score[up] and new_item > item[up]):
                score[at], item[at] = score[up], item[up]
                at = up
            else:
                break
        score[at], item[at] = new_score, new_item
        return n + 1
    if new_score > score[0] or (new_score == score[0] and new_item < item[0]):
        score[0], item[0] = new_score, new_item
        sink(score, item, n)
    return n


@njit(cache=True, nogil=True)
def unheap(score: Array, item: Array, n: int) -> None:
    """Turn a heap into a list, best first."""
    for last in range(n - 1, 0, -1):
        score[0], score[last] = score[last], score[0]
        item[0], item[last] = item[last], item[0]
        sink(score, item, last)


@njit(cache=True, nogil=True)
def kth_highest(values: Array, n: int, k: int) -> Any:
    """The k-th highest of the first n values, which are reordered (Hoare's selection); 1 <= k <= n."""
    low, high = 0, n - 1
    while low < high:
        # The middle of three as pivot keeps sorted input from being the worst case.
        first, middle, last = values[low], values[(low + high) // 2], values[high]
        pivot = max(min(first, middle), min(max(first, middle), last))
        i, j = low, high
        while i <= j:
            while values[i] > pivot:
                i += 1
            while values[j] < pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k - 1 <= j:
            high = j
        elif k - 1 >= i:
            low = i
        else:
            break
    return values[k - 1]


@njit(cache=True, nogil=True)
def keep_highest(score: Array, item: Array, n: int, limit: int) -> None:
    """Move the `limit` highest of n entries to the front, in no order; `limit` is below n (Hoare's selection)."""
    low, high = 0, n - 1
    while low < high:
        # The middle of three as pivot keeps sorted input from being the worst case.
        first, middle, last = score[low], score[(low + high) // 2], score[high]
        pivot = max(min(first, middle), min(max(first, middle), last))
        i, j = low, high
        while i <= j:
            while score[i] > pivot:
                i += 1
            while score[j] < pivot:
                j -= 1
            if i <= j:
                score[i], score[j] = score[j], score[i]
                item[i], item[j] = item[j], item[i]
                i += 1
                j -= 1
        if limit - 1 <= j:
            high = j
        elif limit - 1 >= i:
            low = i
        else:
            return
