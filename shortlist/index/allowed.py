"""A filter worked out for one index: which of its live vectors a search may return.

A caller gives a mask by id or a list of ids; a search needs slots, in order, or a mask by slot. Working that out costs
more than a selective search itself, so a filter that is asked with again (a category, a shop, what is in stock) is
prepared once by `VectorIndex.prepare` and asked with as often as one likes; after a change of the index it is worked
out anew.

Cost: 8 bytes per allowed vector, one byte per slot once somebody asks for the mask.
"""

from __future__ import annotations

import numpy as np

from shortlist.core.errors import BadRequest
from shortlist.core.types import Array, Ints
from shortlist.index.kernels import ascending
from shortlist.index.vectors import VectorStore


class Allowed:
    """What one filter leaves of one state of an index.

    Args:
        store: of the index.
        given: bool[n] by id (beyond its end = hidden), or int[n] ids, those unknown ignored.
        state: stands for that state; another object means that the index has changed.

    Raises:
        BadRequest: `given` is neither.
    """

    def __init__(self, store: VectorStore, given: Array, state: object) -> None:
        self.given = np.asarray(given)
        if self.given.ndim != 1 or (self.given.dtype.kind not in "biu" and len(self.given)):
            raise BadRequest(
                "The filter is neither bool[n] nor a list of ids.", hint="Give one of them.", field="allowed"
            )
        self.state = state
        self.is_mask = self.given.dtype.kind == "b"
        self._store = store
        self._slots: Ints | None = None
        self._mask: Array | None = None
        self._by_id: Array | None = None
        # Ids that the index does not know count too where a mask is given; who gets too few hits looks closer.
        self.n = min(int(np.count_nonzero(self.given)), store.n_live) if self.is_mask else len(self.slots)

    @property
    def slots(self) -> Ints:
        """int64, ascending, the live slots that are allowed."""
        if self._slots is None:
            store = self._store
            if self.is_mask and store.is_plain:
                covered = min(len(self.given), store.n_slots)
                self._slots = np.flatnonzero(self.given[:covered] & store.alive[:covered].view(np.bool_))
            else:
                ids = np.flatnonzero(self.given) if self.is_mask else self._different()
                found = store.slots_of(ids)
                found = found[found >= 0] if len(found) and found.min() < 0 else found
                self._slots = found if _ascends(found) else ascending(found, store.n_slots)
        return self._slots

    @property
    def mask(self) -> Array:
        """uint8[n_slots], 1 = allowed and live."""
        if self._mask is None:
            mask = np.zeros(self._store.n_slots, np.uint8)
            mask[self.slots] = 1
            self._mask = mask
        return self._mask

    @property
    def by_id(self) -> Array:
        """uint8[n] by id, 1 = allowed, whether live or not; hidden beyond its end."""
        if self._by_id is None:
            if self.is_mask:
                self._by_id = self.given.view(np.uint8)
            else:
                ids = self.given[self.given >= 0] if len(self.given) and self.given.min() < 0 else self.given
                known = min(int(ids.max(initial=0)), int(self._store.largest_id)) + 1
                self._by_id = np.zeros(known, np.uint8)
                self._by_id[ids[ids < known] if ids.max(initial=0) >= known else ids] = 1
        return self._by_id

    def _different(self) -> Ints:
        ids = self.given.astype(np.int64, copy=False)
        return ids if _ascends(ids) else np.unique(ids)


class Prepared:
    """A filter of one index for many searches; made by `VectorIndex.prepare`."""

    def __init__(self, current: Allowed) -> None:
        self._current = current

    def at(self, store: VectorStore, state: object) -> Allowed:
        """What it leaves of the given state of the index."""
        current = self._current
        if current.state is not state:
            # Searches may come here at once: each works with its own, and any of them will do for the next.
            current = self._current = Allowed(store, current.given, state)
        return current


def _ascends(numbers: Ints) -> bool:
    return len(numbers) < 2 or bool((numbers[1:] > numbers[:-1]).all())
