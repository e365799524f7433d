"""Histories as models read them: only items the model knows, each item once, weighted by age, as a sparse matrix.

A history may hold items that are newer than the fit, or nothing at all; both are ordinary. Everything here keeps the
order of events and treats each request by itself, so an answer cannot depend on what else is in the batch.
Cost: linear in the events read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from shortlist.core.types import Array, Floats, History, Ints, offsets_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def within(history: History, known: Array) -> History:
    """Only events whose item the model knows.

    Args:
        history: of B requests.
        known: bool[M], items that may be read; ids outside 0..M-1 are dropped.
    """
    inside = (history.item >= 0) & (history.item < len(known))
    keep = inside.copy()
    keep[inside] = known[history.item[inside]]
    return history if keep.all() else _chosen(history, keep)


def distinct(history: History) -> History:
    """Each item once per request, at its latest event; order is kept."""
    if len(history.item) == 0:
        return history
    keep = np.zeros(len(history.item), bool)
    low, high = int(history.item.min()), int(history.item.max())
    _mark_last(history.offsets, history.item, low, np.zeros(high - low + 1, np.int64), keep)
    return history if keep.all() else _chosen(history, keep)


@njit(cache=True, nogil=True)
def _mark_last(offsets: Array, item: Array, low: int, owner: Array, keep: Array) -> None:
    """Mark the last event of each item within its request."""
    for b in range(len(offsets) - 1):
        for t in range(offsets[b + 1] - 1, offsets[b] - 1, -1):
            if owner[item[t] - low] != b + 1:
                owner[item[t] - low] = b + 1
                keep[t] = True


def latest_session(history: History, gap: float | None) -> History:
    """Only the events after each request's last pause of more than `gap`; None keeps everything."""
    if gap is None or len(history.item) == 0:
        return history
    first = np.zeros(len(history.item), bool)
    first[1:] = np.diff(history.at) > gap
    filled = history.lengths > 0
    first[history.offsets[:-1][filled]] = True
    began = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
    keep = np.arange(len(first)) >= np.repeat(began[history.offsets[1:] - 1], history.lengths)
    return history if keep.all() else _chosen(history, keep)


def recency(history: History, *, decay: float = 1.0, age_power: float = 0.0) -> Floats:
    """float64[T], decay^age * (1 + age)^-age_power, where age counts events back from the request's latest (age 0)."""
    age = (np.repeat(history.offsets[1:], history.lengths) - 1 - np.arange(len(history.item))).astype(np.float64)
    weight: Floats = decay**age * (1.0 + age) ** -age_power
    return weight


def history_matrix(history: History, known: Array, *, weight: str = "binary") -> csr_array:
    """CSR float32[B, M] of what each request did; columns sorted.

    Args:
        history: of B requests.
        known: bool[M], items that may be read.
        weight: "binary" (1 where there is any event) or "count" (events).
    """
    from scipy.sparse import csr_array

    read = within(history, known)
    data = np.ones(len(read.item), np.float32)
    # A copy, because merging duplicates works in place and a history is never changed.
    out = csr_array((data, read.item.copy(), read.offsets.copy()), shape=(len(read), len(known)))
    out.sum_duplicates()
    if weight == "binary":
        out.data[:] = 1.0
    return out


def _chosen(history: History, keep: Array) -> History:
    counts: Ints = np.bincount(history.row[keep], minlength=len(history))
    return History(history.item[keep], history.at[keep], offsets_of(counts))
