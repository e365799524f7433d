"""Vectors with ids, by slot: what every index keeps beside its own structure.

A slot is a row number that never changes until the index is built anew: removal marks it, a new or changed vector gets
a new one at the end. The first part may be memory-mapped; what is added later lies in memory behind it.
Cost: 4*D + 9 bytes per slot and the look-up by id.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from shortlist.core.types import Array, Floats, Ints
from shortlist.index.lookup import Lookup, lookup_for


class Mapped(Protocol):
    """Pages of a file in memory."""

    def look(self, rows: int) -> None:
        """So many rows were looked at."""
        ...


class VectorStore:
    """Float32 vectors by slot.

    Args:
        base: float32[Nb, D].
        ids: int64[Nb], unique among the live.
        alive: uint8[Nb], 0 = removed; None: all live.
        pages: where `base` is mapped from a file: told how many rows are looked at.
    """

    def __init__(self, base: Floats, ids: Ints, alive: Array | None = None, pages: Mapped | None = None) -> None:
        self.base = base
        self.pages = pages
        self.n_slots = len(base)
        self._late: Floats = np.empty((0, base.shape[1]), np.float32)
        self._ids: Ints = ids
        self._alive: Array = np.ones(len(base), np.uint8) if alive is None else alive
        self._lookup: Lookup | None = None
        self._plain = bool(len(ids) == 0 or (ids[-1] == len(ids) - 1 and (ids == np.arange(len(ids))).all()))
        self.n_live = int(np.count_nonzero(self._alive))

    @property
    def late(self) -> Floats:
        """float32[Nl, D], vectors of the slots behind `base`."""
        return self._late[: self.n_slots - len(self.base)]

    @property
    def ids(self) -> Ints:
        """int64[n_slots]; removed slots keep theirs."""
        return self._ids[: self.n_slots]

    @property
    def alive(self) -> Array:
        """uint8[n_slots], 1 = live."""
        return self._alive[: self.n_slots]

    @property
    def is_plain(self) -> bool:
        """Whether ids are slot numbers, as they are for a catalogue that was indexed whole."""
        return self._plain and self.n_slots == len(self.base)

    @property
    def largest_id(self) -> int:
        """Over all slots, -1 without any."""
        return int(self.ids.max(initial=-1))

    def slots_of(self, ids: Ints) -> Ints:
        """int64, the live slot of each id, -1 where there is none."""
        return self._by_id().find(ids)

    def gather(self, slots: Ints) -> Floats:
        """float32[n, D], the vectors of the given slots."""
        if not len(self.late):
            return np.asarray(self.base[slots], np.float32)
        out = np.empty((len(slots), self.base.shape[1]), np.float32)
        first = slots < len(self.base)
        out[first] = self.base[slots[first]]
        out[~first] = self.late[slots[~first] - len(self.base)]
        return out

    def append(self, vectors: Floats, ids: Ints) -> None:
        """Give each vector the next slot; none of the ids may be live."""
        lookup = self._by_id()
        n_new, n_old = len(ids), self.n_slots
        used = n_old - len(self.base)
        if used + n_new > len(self._late):
            room = max(256, 2 * (used + n_new))
            self._late = _grown(self._late, used, room)
            self._ids = _grown(self._ids, n_old, len(self.base) + room)
            self._alive = _grown(self._alive, n_old, len(self.base) + room)
        self._late[used : used + n_new] = vectors
        self._ids[n_old : n_old + n_new] = ids
        self._alive[n_old : n_old + n_new] = 1
        self.n_slots += n_new
        self.n_live += n_new
        if not lookup.put(ids, np.arange(n_old, n_old + n_new)):
            self._lookup = None

    def remove(self, slots: Ints) -> None:
        """Mark live slots as removed."""
        self._by_id().drop(self._ids[slots])
        self._alive[slots] = 0
        self.n_live -= len(slots)

    def _by_id(self) -> Lookup:
        if self._lookup is None:
            live = np.flatnonzero(self.alive)
            self._lookup = lookup_for(self.ids[live], live)
        return self._lookup


def _grown(old: Array, used: int, room: int) -> Array:
    new = np.zeros((room, *old.shape[1:]), old.dtype)
    new[:used] = old[:used]
    return new
