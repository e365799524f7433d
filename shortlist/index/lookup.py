"""From ids to slots: a dense table while ids are small numbers, a sorted list and a dictionary when they are not.

Item numbers of a catalogue run from 0, so a table of four bytes per number answers thousands of ids in microseconds.
Ids that are scattered over a wide range (hashes, database keys) would make such a table mostly empty; they are found by
bisection, and those added later in a dictionary.

Cost: 4 bytes per number up to the largest id, or 16 per vector when that would be more than eight numbers per vector.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from shortlist.core.types import Ints

_SPREAD = 8
_SPARE = 4096


class Lookup(Protocol):
    """The live slot of each id."""

    def find(self, ids: Ints) -> Ints:
        """int64, the slot of each id, -1 where there is none."""
        ...

    def put(self, ids: Ints, slots: Ints) -> bool:
        """Remember new ids; False if this kind of look-up cannot hold them and another has to be made."""
        ...

    def drop(self, ids: Ints) -> None:
        """Forget ids that are there."""
        ...


def lookup_for(ids: Ints, slots: Ints) -> Lookup:
    """The look-up that suits the range of the ids.

    Args:
        ids: int64[n], not negative, unique.
        slots: int64[n].
    """
    largest = int(ids.max()) if len(ids) else -1
    if largest < _SPREAD * len(ids) + _SPARE:
        table = Table(largest + 1)
        table.put(ids, slots)
        return table
    return Sorted(ids, slots)


class Table:
    """Slots by id."""

    def __init__(self, size: int) -> None:
        self._slot = np.full(size, -1, np.int32)
        self._held = 0

    def find(self, ids: Ints) -> Ints:
        """As `Lookup`."""
        if not len(ids) or not len(self._slot):
            return np.full(len(ids), -1, np.int64)
        if ids.min() >= 0 and ids.max() < len(self._slot):
            return self._slot[ids].astype(np.int64)
        known = (ids >= 0) & (ids < len(self._slot))
        return np.where(known, self._slot[np.where(known, ids, 0)], -1).astype(np.int64)

    def put(self, ids: Ints, slots: Ints) -> bool:
        """As `Lookup`; False for ids far beyond the others."""
        largest = int(ids.max()) if len(ids) else -1
        if largest >= len(self._slot):
            if largest >= _SPREAD * (self._held + len(ids)) + _SPARE:
                return False
            grown = np.full(max(largest + 1, len(self._slot) * 5 // 4), -1, np.int32)
            grown[: len(self._slot)] = self._slot
            self._slot = grown
        self._slot[ids] = slots
        self._held += len(ids)
        return True

    def drop(self, ids: Ints) -> None:
        """As `Lookup`."""
        self._slot[ids] = -1
        self._held -= len(ids)


class Sorted:
    """Ids in order with their slots, and a dictionary of what came later."""

    def __init__(self, ids: Ints, slots: Ints) -> None:
        order = np.argsort(ids, kind="stable")
        self._id, self._slot = ids[order], slots[order].copy()
        self._late: dict[int, int] = {}

    def find(self, ids: Ints) -> Ints:
        """As `Lookup`."""
        found = np.full(len(ids), -1, np.int64)
        if len(self._id):
            place = np.minimum(np.searchsorted(self._id, ids), len(self._id) - 1)
            found = np.where(self._id[place] == ids, self._slot[place], -1)
        if self._late:
            for i in np.flatnonzero(found < 0):
                found[i] = self._late.get(int(ids[i]), -1)
        return found

    def put(self, ids: Ints, slots: Ints) -> bool:
        """As `Lookup`."""
        self._late.update(zip(ids.tolist(), slots.tolist(), strict=True))
        return True

    def drop(self, ids: Ints) -> None:
        """As `Lookup`."""
        place = np.minimum(np.searchsorted(self._id, ids), max(0, len(self._id) - 1))
        if len(self._id):
            self._slot[place[self._id[place] == ids]] = -1
        for number in ids.tolist():
            self._late.pop(number, None)
