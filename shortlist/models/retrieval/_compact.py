"""Interaction matrices in the least memory: sorted rows of 4-byte columns, no values where all are equal.

General sparse matrices pass through triples and copies several times their size. Here events are counted into place,
and a transpose is counted out of the finished matrix, so that the peak is the two matrices themselves. Arrays may be
memory-mapped files: everything is read and written in runs. Cost: two passes over the events, one sort of each row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from shortlist.core.errors import BadConfig
from shortlist.core.types import Array, Floats, Ints
from shortlist.data.dataset import Dataset
from shortlist.models.retrieval._start import natural_order


@dataclass(frozen=True)
class Compact:
    """A sparse matrix by rows.

    Attributes:
        indptr: int64[rows + 1].
        indices: int32[nnz], sorted and distinct within a row.
        weight: float32[nnz], or float32[1] for a matrix of equal values.
        columns: how many.
    """

    indptr: Ints
    indices: Ints
    weight: Floats
    columns: int

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self.indptr) - 1

    def transposed(self, into: Ints | None = None) -> Compact:
        """The same matrix by columns; `into` int32[nnz] takes the indices, a memory-mapped file perhaps."""
        indptr = np.zeros(self.columns + 1, np.int64)
        indices = np.empty(len(self.indices), np.int32) if into is None else into
        weight = np.empty_like(self.weight) if len(self.weight) > 1 else self.weight
        _transpose(self.indptr, self.indices, self.weight, indptr, indices, weight)
        return Compact(indptr, indices, weight, self.rows)


def check_weights(weight: Floats) -> None:
    """Raises: BadConfig if a weight is negative, zero or not a number."""
    if not (np.isfinite(weight).all() and (weight > 0).all()):
        raise BadConfig(
            "Interaction weights must be positive numbers.",
            hint="Leave out events of no or negative weight; a dislike is no event of this model.",
        )


def compact_matrix(data: Dataset, weight: str) -> tuple[Compact, Ints, Ints]:
    """The interaction matrix with users and items in natural order; int64[U], int64[M], who stands at each place.

    Args:
        data: with at least one event.
        weight: "binary" (1 where there is any event) or "count" (events).
    """
    items = natural_order(data.items)
    users = natural_order(data.users)
    events = data.interactions
    indptr = np.zeros(data.n_users + 1, np.int64)
    indices = np.empty(len(events), np.int32)
    _place(events.user, events.item, _positions(users), _positions(items), indptr, indices)
    counts = np.empty(len(indices) if weight == "count" else 0, np.float32)
    nnz = _merge(indptr, indices, counts)
    values = counts[:nnz] if weight == "count" else np.ones(1, np.float32)
    return Compact(indptr, indices[:nnz], values, data.n_items), users, items


def _positions(order: Ints) -> Ints:
    """int32[n], where each element went."""
    out = np.empty(len(order), np.int32)
    out[order] = np.arange(len(order), dtype=np.int32)
    return out


@njit(cache=True, nogil=True)
def _place(user: Array, item: Array, row: Array, column: Array, indptr: Array, indices: Array) -> None:
    """Columns of all events, repeats included, grouped by row, in event order."""
    for e in range(len(user)):
        indptr[row[user[e]] + 1] += 1
    _to_offsets(indptr)
    for e in range(len(user)):
        r = row[user[e]]
        indices[indptr[r]] = column[item[e]]
        indptr[r] += 1
    _shift_back(indptr)


@njit(cache=True, nogil=True)
def _to_offsets(indptr: Array) -> None:
    for r in range(1, len(indptr)):
        indptr[r] += indptr[r - 1]


@njit(cache=True, nogil=True)
def _shift_back(indptr: Array) -> None:
    """Undo that filling moved every offset to its row's end."""
    for r in range(len(indptr) - 1, 0, -1):
        indptr[r] = indptr[r - 1]
    indptr[0] = 0


@njit(cache=True, nogil=True)
def _merge(indptr: Array, indices: Array, counts: Array) -> int:
    """Sort every row and drop repeats in place; returns nnz."""
    to = 0
    first = 0
    for r in range(len(indptr) - 1):
        last = indptr[r + 1]
        row = indices[first:last]
        row.sort()
        begin = to
        for p in range(first, last):
            if to > begin and indices[to - 1] == indices[p]:
                if len(counts) > 0:
                    counts[to - 1] += 1
                continue
            indices[to] = indices[p]
            if len(counts) > 0:
                counts[to] = 1
            to += 1
        first = last
        indptr[r + 1] = to
    return to


@njit(cache=True, nogil=True)
def _transpose(
    indptr: Array, indices: Array, weight: Array, t_indptr: Array, t_indices: Array, t_weight: Array
) -> None:
    for p in range(len(indices)):
        t_indptr[indices[p] + 1] += 1
    _to_offsets(t_indptr)
    for r in range(len(indptr) - 1):
        for p in range(indptr[r], indptr[r + 1]):
            at = t_indptr[indices[p]]
            t_indices[at] = r
            if len(weight) > 1:
                t_weight[at] = weight[p]
            t_indptr[indices[p]] += 1
    _shift_back(t_indptr)
