"""Sparse rows that grow in place, where a packed matrix would have to be copied for every new entry.

Rows stand in one pool of columns and counts: row i owns `room[i]` places from `start[i]`, the first `length[i]` of them
used, columns ascending. A row that outgrows its room moves to the end of the pool with half as much again.
Cost: up to 54 bytes per link instead of 12, because rows keep room to grow and moved rows leave holes; when less than a
third of the pool is links, it is packed anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from shortlist.core.types import Array, Ints
from shortlist.models.updating import grown

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SLACK = 1 << 16
"""Places by which a pool is larger than its rows, at least."""


class RowPool:
    """Square, M x M, whole numbers.

    Args:
        links: CSR int64[M, M], columns sorted.
    """

    def __init__(self, links: csr_array) -> None:
        self.start: Ints
        self.length: Ints
        self.room: Ints
        self.columns: Ints
        self.counts: Ints
        self.used: int
        self.n_items = links.shape[0]
        self._spread_out(links.indptr.astype(np.int64), links.indices, links.data)

    @property
    def n_links(self) -> int:
        """Links held."""
        return int(self.length.sum())

    def packed(self) -> csr_array:
        """The links as a matrix of their own."""
        from scipy.sparse import csr_array

        offsets, columns, counts = pack(self.start, self.length, self.columns, self.counts)
        return csr_array((counts, columns, offsets), shape=(self.n_items, self.n_items))

    def make_room_for(self, rows: Ints, more: Any) -> None:
        """Space for rows to move to, should each gain as many links as `more` says, a number or int[R]."""
        fullest = self.length[rows] + more
        moving = fullest > self.room[rows]
        places = int((fullest[moving] * 3 // 2 + 4).sum())
        if self.used + places <= len(self.columns):
            return
        if self.used > 3 * self.n_links + SLACK:
            self._spread_out(*pack(self.start, self.length, self.columns, self.counts))
        if self.used + places > len(self.columns):
            self._widen(places)

    def widen(self) -> None:
        """More space behind, or less of it in between."""
        if self.used > 3 * self.n_links + SLACK:
            self._spread_out(*pack(self.start, self.length, self.columns, self.counts))
        else:
            self._widen(SLACK)

    def lengthen(self, n_items: int) -> None:
        """Empty rows and columns behind."""
        self.start, self.length, self.room = (grown(x, n_items) for x in (self.start, self.length, self.room))
        self.n_items = n_items

    def _widen(self, places: int) -> None:
        size = self.used + places + len(self.columns) // 2
        columns, counts = np.empty(size, np.int32), np.empty(size, np.int64)
        columns[: self.used], counts[: self.used] = self.columns[: self.used], self.counts[: self.used]
        self.columns, self.counts = columns, counts

    def _spread_out(self, offsets: Ints, columns: Ints, counts: Ints) -> None:
        """Start a pool from rows that stand one after another; each gets a quarter more room at once."""
        self.length = np.diff(offsets)
        self.room = self.length + self.length // 4 + 4
        ends = np.cumsum(self.room)
        self.start = ends - self.room
        self.used = int(ends[-1]) if len(ends) else 0
        size = self.used + max(SLACK, self.used // 4)
        self.columns, self.counts = np.empty(size, np.int32), np.empty(size, np.int64)
        spread(offsets, columns, counts, self.start, self.columns, self.counts)


@njit(cache=True, nogil=True)
def spread(offsets: Array, column: Array, count: Array, start: Array, columns: Array, counts: Array) -> None:
    """The opposite of `pack`."""
    for i in range(len(start)):
        n = offsets[i + 1] - offsets[i]
        columns[start[i] : start[i] + n] = column[offsets[i] : offsets[i + 1]]
        counts[start[i] : start[i] + n] = count[offsets[i] : offsets[i + 1]]


@njit(cache=True, nogil=True)
def pack(start: Array, length: Array, columns: Array, counts: Array) -> tuple[Array, Array, Array]:
    """The rows of a pool one after another: offsets, columns, counts."""
    offsets = np.zeros(len(start) + 1, np.int64)
    offsets[1:] = np.cumsum(length)
    column = np.empty(offsets[-1], np.int32)
    count = np.empty(offsets[-1], np.int64)
    for i in range(len(start)):
        column[offsets[i] : offsets[i + 1]] = columns[start[i] : start[i] + length[i]]
        count[offsets[i] : offsets[i + 1]] = counts[start[i] : start[i] + length[i]]
    return offsets, column, count
