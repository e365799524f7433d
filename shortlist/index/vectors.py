"""Vectors with ids, by slot: what every index keeps beside its own structure.

A slot is a row number that never changes until the store is packed: removal marks it, a new or changed vector gets a
new one at the end. The first part may be memory-mapped; what is added later lies in memory behind it.
Cost: 4*D + 9 bytes per slot, and 8 more for the look-up by id when ids are not ascending.
"""

from __future__ import annotations

import numpy as np

from shortlist.core.types import Array, Floats, Ints


class VectorStore:
    """Float32 vectors by slot.

    Args:
        base: float32[Nb, D].
        ids: int64[Nb], unique among the live.
        alive: uint8[Nb], 0 = removed; None: all live.
    """

    def __init__(self, base: Floats, ids: Ints, alive: Array | None = None) -> None:
        self.base = base
        self.n_slots = len(base)
        self._late: Floats = np.empty((0, base.shape[1]), np.float32)
        self._ids: Ints = ids
        self._alive: Array = np.ones(len(base), np.uint8) if alive is None else alive
        self._late_slot: dict[int, int] = {}
        self._order: Ints | None = None
        self._sorted: Ints | None = None
        self._is_plain = False
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

    def slots_of(self, ids: Ints) -> Ints:
        """int64, the live slot of each id, -1 where there is none."""
        if self._sorted is None:
            self._index_ids()
        if self.is_plain:
            known = (ids >= 0) & (ids < len(self.base))
            slots = np.where(known, ids, 0)
            return np.where(known & (self.alive[slots] > 0), slots, -1) if self.n_slots else np.full(len(ids), -1)
        found = np.full(len(ids), -1, np.int64)
        if self._sorted is not None and len(self._sorted):
            place = np.minimum(np.searchsorted(self._sorted, ids), len(self._sorted) - 1)
            hit = self._sorted[place] == ids
            found[hit] = place[hit] if self._order is None else self._order[place[hit]]
            found[hit & (self._alive[np.maximum(found, 0)] == 0)] = -1
        if self._late_slot:
            for i in np.flatnonzero(found < 0):
                found[i] = self._late_slot.get(int(ids[i]), -1)
        return found

    @property
    def is_plain(self) -> bool:
        """Whether ids are slot numbers, as they are for a catalogue that was indexed whole."""
        if self._sorted is None:
            self._index_ids()
        return self._is_plain and not self._late_slot

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
        self._late_slot.update(zip(ids.tolist(), range(n_old, n_old + n_new), strict=True))
        self.n_slots += n_new
        self.n_live += n_new

    def remove(self, slots: Ints) -> None:
        """Mark live slots as removed."""
        self._alive[slots] = 0
        self.n_live -= len(slots)
        if self._late_slot:
            for slot in slots[slots >= len(self.base)].tolist():
                self._late_slot.pop(int(self._ids[slot]), None)

    def packed(self) -> VectorStore:
        """The live slots alone, numbered anew in the same order; itself when nothing was added or removed."""
        if self.n_slots == len(self.base) == self.n_live:
            return self
        live = np.flatnonzero(self.alive)
        return VectorStore(self.gather(live), self.ids[live].copy())

    def _index_ids(self) -> None:
        base_ids = self._ids[: len(self.base)]
        self._is_plain = bool((base_ids == np.arange(len(base_ids))).all())
        # Dead slots may share an id with a live one; among equals the live slot has to be the one that is found.
        if len(base_ids) < 2 or bool((np.diff(base_ids) > 0).all()):
            self._order, self._sorted = None, base_ids
            return
        live = np.flatnonzero(self._alive[: len(self.base)])
        self._order = live[np.argsort(base_ids[live], kind="stable")]
        self._sorted = base_ids[self._order]


def _grown(old: Array, used: int, room: int) -> Array:
    new = np.zeros((room, *old.shape[1:]), old.dtype)
    new[:used] = old[:used]
    return new
