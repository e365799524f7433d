"""A dataset: frozen events with their item and user tables and vocabularies, and a fingerprint of the content.

Built once, never mutated; a split or a filter gives a new one that shares arrays and vocabularies. Interactions keep
their file order, because equal timestamps are ordered by it. Cost: 28 bytes per interaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.types import Array, Floats, History, Ints, offsets_of
from shortlist.data.vocab import Vocab

if TYPE_CHECKING:
    import polars as pl
    from scipy.sparse import csr_array


@dataclass(frozen=True, repr=False)
class Interactions:
    """What users did, in file order.

    Attributes:
        user: int64[E].
        item: int64[E].
        at: float64[E], UTC seconds (or an order, see `Dataset.clock`).
        value: float32[E], rating or weight; 1 where the source has none.
        type: int16[E], index into `types`.
        types: names of the interaction types ("click", "rating", ...).
    """

    user: Ints
    item: Ints
    at: Floats
    value: Floats
    type: Ints
    types: tuple[str, ...] = ("interaction",)

    def __len__(self) -> int:
        return len(self.user)

    def __repr__(self) -> str:
        return f"Interactions({len(self):,} events, types={', '.join(self.types)})"

    def take(self, rows: Array) -> Interactions:
        """Events chosen by mask or row numbers."""
        return replace(
            self,
            user=self.user[rows],
            item=self.item[rows],
            at=self.at[rows],
            value=self.value[rows],
            type=self.type[rows],
        )

    @cached_property
    def time_order(self) -> Ints:
        """int64[E], event numbers ordered by (time, file order)."""
        return np.argsort(self.at, kind="stable").astype(np.int64)

    @cached_property
    def user_order(self) -> Ints:
        """int64[E], event numbers ordered by (user, time, file order)."""
        return np.lexsort((self.at, self.user)).astype(np.int64)


@dataclass(frozen=True, repr=False)
class Impressions:
    """What was shown, one ragged row per impression, in file order.

    Attributes:
        user: int64[I].
        at: float64[I].
        offsets: int64[I+1]; impression i shows item[offsets[i]:offsets[i+1]] in displayed order.
        item: int64[S].
        clicked: bool[S].
        request: object[I], ids of the answers that were shown, "" where none is known; None if the source names none.
            They lead to logged decisions and are not kept on disk.
    """

    user: Ints
    at: Floats
    offsets: Ints
    item: Ints
    clicked: Array
    request: Array | None = None

    def __len__(self) -> int:
        return len(self.user)

    def __repr__(self) -> str:
        return f"Impressions({len(self):,} lists, {len(self.item):,} items shown, {int(self.clicked.sum()):,} clicked)"

    @property
    def row(self) -> Ints:
        """int64[S], the impression each shown item belongs to."""
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.offsets))

    def take(self, rows: Array) -> Impressions:
        """Impressions chosen by mask or row numbers."""
        index = np.flatnonzero(rows) if rows.dtype == bool else rows
        lengths = np.diff(self.offsets)[index]
        offsets = offsets_of(lengths)
        flat = np.repeat(self.offsets[:-1][index] - offsets[:-1], lengths) + np.arange(offsets[-1])
        request = None if self.request is None else self.request[index]
        return Impressions(self.user[index], self.at[index], offsets, self.item[flat], self.clicked[flat], request)


@dataclass(frozen=True, repr=False)
class Dataset:
    """Everything known at one moment.

    Attributes:
        name: what people call it.
        interactions: what users did.
        users: external user ids.
        items: external item ids.
        item_table: polars frame with M rows aligned to `items` (column `item_id` first; null = unknown), or None.
        user_table: the same for users.
        impressions: what was shown, or None.
        clock: "unix" if `at` is UTC seconds, "rank" if it only orders a user's events, "none" if it says nothing.
    """

    name: str
    interactions: Interactions
    users: Vocab
    items: Vocab
    item_table: pl.DataFrame | None = None
    user_table: pl.DataFrame | None = None
    impressions: Impressions | None = None
    clock: str = "unix"
    notes: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_frames(
        cls, events: Any, *, items: Any = None, users: Any = None, name: str = "frames", **options: Any
    ) -> Dataset:
        """From polars, pandas or Arrow tables: `user_id, item_id[, timestamp, event, value]` or their aliases.

        `options` are those of `schema.dataset_from_frames`: impressions, clock, time_unit.

        Raises:
            SchemaMismatch: a column is missing or of the wrong type.
        """
        from shortlist.data.schema import dataset_from_frames

        return dataset_from_frames(events, items=items, users=users, name=name, **options)

    def __repr__(self) -> str:
        shown = "" if self.impressions is None else f", {len(self.impressions):,} impressions"
        size = f"{self.n_users:,} users, {self.n_items:,} items, {self.n_events:,} events{shown}"
        return f"Dataset('{self.name}': {size}, clock={self.clock}, fingerprint={self.fingerprint})"

    @property
    def n_users(self) -> int:
        """Users in the vocabulary, with or without events."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """M, items in the vocabulary, with or without events."""
        return len(self.items)

    @property
    def n_events(self) -> int:
        """E, interactions."""
        return len(self.interactions)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of events, impressions, vocabularies and tables; equal content gives equal fingerprints."""
        digest = hashlib.sha256(f"{self.users.version}{self.items.version}{self.clock}".encode())
        events = self.interactions
        arrays: list[Array] = [events.user, events.item, events.at, events.value, events.type]
        for column in arrays:
            digest.update(np.ascontiguousarray(column).tobytes())
        digest.update("\x00".join(events.types).encode())
        if self.impressions is not None:
            shown = self.impressions
            for column in [shown.user, shown.at, shown.offsets, shown.item, shown.clicked]:
                digest.update(np.ascontiguousarray(column).tobytes())
        for table in (self.item_table, self.user_table):
            if table is not None:
                digest.update(table.write_json().encode())
        return digest.hexdigest()[:16]

    def matrix(self, weight: str = "binary") -> csr_array:
        """CSR float32[U, M] of interactions, columns sorted.

        Args:
            weight: "binary" (1 where there is any event), "count" (events), "value" (sum), "last" (latest value).
        """
        from scipy.sparse import csr_array

        from shortlist.core.errors import BadConfig

        events = self.interactions
        shape = (self.n_users, self.n_items)
        if weight == "last":
            order = events.time_order
            key = events.user[order] * self.n_items + events.item[order]
            _, first = np.unique(key[::-1], return_index=True)
            rows = order[::-1][first]
            return csr_array((events.value[rows], (events.user[rows], events.item[rows])), shape=shape)
        if weight not in {"binary", "count", "value"}:
            raise BadConfig(f"Unknown interaction weight '{weight}'.", hint="Use binary, count, value or last.")
        data = events.value if weight == "value" else np.ones(len(events), np.float32)
        out = csr_array((data, (events.user, events.item)), shape=shape)
        out.sum_duplicates()
        if weight == "binary":
            out.data[:] = 1.0
        return out

    @cached_property
    def sequences(self) -> History:
        """Every user's events, oldest first (time, then file order), for users 0..U-1."""
        events = self.interactions
        order = events.user_order
        counts = np.bincount(events.user, minlength=self.n_users)
        offsets = offsets_of(counts)
        return History(events.item[order], events.at[order], offsets)

    def histories(self, user: Ints, *, before: Floats | None = None) -> History:
        """Histories of the given users (-1 and unknown: empty), only events strictly before `before` [B] if given."""
        full = self.sequences
        known = (user >= 0) & (user < self.n_users)
        safe = np.where(known, user, 0)
        start = np.where(known, full.offsets[:-1][safe] if self.n_users else 0, 0)
        stop = np.where(known, full.offsets[1:][safe] if self.n_users else 0, 0)
        if before is not None:
            stop = start + _count_before(full.at, start, stop, before)
        lengths = stop - start
        offsets = offsets_of(lengths)
        index = np.repeat(start - offsets[:-1], lengths) + np.arange(offsets[-1])
        return History(full.item[index], full.at[index], offsets)

    def select(self, events: Array, *, impressions: Array | None = None, name: str | None = None) -> Dataset:
        """The same world with only the chosen interactions (and impressions; all are kept when None)."""
        shown = self.impressions
        if shown is not None and impressions is not None:
            shown = shown.take(impressions)
        return replace(self, interactions=self.interactions.take(events), impressions=shown, name=name or self.name)

    def before(self, at: float) -> Dataset:
        """Only what happened strictly before `at` (UTC seconds)."""
        shown = None if self.impressions is None else self.impressions.at < at
        return self.select(self.interactions.at < at, impressions=shown)


def _count_before(at: Floats, start: Ints, stop: Ints, before: Floats) -> Ints:
    """How many of at[start:stop] (sorted) are < before, per request: one binary search for all requests at once."""
    low, high = start.astype(np.int64), stop.astype(np.int64)
    while True:
        open_ = low < high
        if not open_.any():
            return low - start
        middle = (low + high) // 2
        earlier = np.zeros(len(low), bool)
        earlier[open_] = at[middle[open_]] < before[open_]
        low = np.where(open_ & earlier, middle + 1, low)
        high = np.where(open_ & ~earlier, middle, high)
