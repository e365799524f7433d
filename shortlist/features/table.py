"""The running numbers of all entities of one owner, in memory: built by replay, extended event by event.

Every event keeps its row, so reads are exact as of any time, past ones too. An entity whose room is used up moves to
the end of the array with twice the room, so an event costs amortised constant time, a late one as many steps as rows
lie behind it. Cost: 8 bytes per event and measure, and 8 for its time; between one and two times that where events
are appended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from shortlist.core.types import Array, Floats, Ints, offsets_of
from shortlist.features import kernels
from shortlist.features.facts import Fact, Facts
from shortlist.features.measures import Measure, Query, codes, deltas, keys_of
from shortlist.features.runs import RunCodec

MAX_WEIGHTS = 10_000
"""Kinds of events whose weights are kept."""


class Plan:
    """Queries in the form in which the kernel reads them."""

    def __init__(self, measures: Sequence[Measure], queries: Sequence[Query]) -> None:
        place = {measure: k for k, measure in enumerate(measures)}
        windows = list(dict.fromkeys(query.window for query in queries if not query.window.is_all))
        self.asked = np.array([place[query.measure] for query in queries], np.int64)
        self.window = np.array([-1 if q.window.is_all else windows.index(q.window) for q in queries], np.int64)
        self.grain = np.array([window.grain_s for window in windows], np.float64)
        self.grains = np.array([window.grains for window in windows], np.int64)


class RunTable:
    """Runs of rows by entity. Reads take no lock: they work on the arrays that were current when they began.

    Attributes:
        measures: what the columns behind the time are.
    """

    def __init__(
        self, measures: Sequence[Measure], rows: Floats, start: Ints, count: Ints, room: Ints, end: int
    ) -> None:
        self.measures = tuple(measures)
        self._op, self._half = codes(measures)
        # Rows, where each run starts, how long it is, how long it may become.
        self._arrays: tuple[Array, Array, Array, Array] = (rows, start, count, room)
        self._end = np.array([end], np.int64)
        self._weights: dict[tuple[str, int], Floats] = {}
        self._by_value = np.array([measure.value for measure in measures], bool)
        self._any_value = bool(self._by_value.any())
        self._by_place = any(measure.eta for measure in measures)

    @classmethod
    def replayed(cls, measures: Sequence[Measure], facts: Facts, n_entities: int = 0) -> Self:
        """Fold facts in time order; those that count for no measure, or have no entity, leave no row."""
        measures = tuple(measures)
        keys, delta = keys_of(measures[0].owner, facts), deltas(measures, facts)
        kept = np.flatnonzero((keys >= 0) & (delta != 0.0).any(axis=1))
        order = kept[np.lexsort((facts.at[kept], keys[kept]))]
        n = max(n_entities, int(keys.max(initial=-1)) + 1)
        offsets = offsets_of(np.bincount(keys[order], minlength=n).astype(np.int64))
        count = np.diff(offsets)
        # Entities that go on being used get some room, and the array an end that costs nothing until it is written.
        room = count + count // 4
        begin = offsets_of(room)
        rows = np.empty((int(begin[-1]) + max(64, len(order) // 2), 1 + len(measures)), np.float64)
        op, half = codes(measures)
        kernels.replay(facts.at[order], delta[order], offsets, begin, op, half, rows)
        return cls(measures, rows, begin[:-1].copy(), count, room, int(begin[-1]))

    @classmethod
    def of_runs(cls, codec: RunCodec, runs: Sequence[bytes | None]) -> Self:
        """From the runs of entities 0, 1, ... as `run` gives them; None is an entity without one."""
        rows, start, count = codec.decode(runs)
        return cls(codec.measures, rows, start, count, count.copy(), len(rows))

    def __len__(self) -> int:
        return len(self._arrays[1])

    def fold(self, fact: Fact) -> None:
        """Take in one event; the next read sees it. One writer at a time."""
        at, user, item, kind, value, position = fact
        owner = self.measures[0].owner
        entity = item if owner == "item" else user if owner == "user" else 0
        if entity < 0:
            return
        delta = self._weight(kind, position)
        if value != 1.0 and self._any_value:
            delta = np.where(self._by_value, delta * value, delta)
        if not delta.any():
            return
        if entity >= len(self):
            self._reserve(entity + 1)
        rows, start, count, room = self._arrays
        while not kernels.insert(rows, start, count, room, self._end, entity, at, delta, self._op, self._half):
            grown = np.empty((max(64, 2 * len(rows), len(rows) + 4 + 2 * int(count[entity])), rows.shape[1]))
            grown[: len(rows)] = rows
            rows = grown
            self._arrays = (rows, start, count, room)

    def read(self, entity: Ints, now: Floats, plan: Plan) -> Floats:
        """float64[n, Q]: what is known of each entity strictly before its `now`; nothing reads as 0 (never: -inf)."""
        rows, start, count, _ = self._arrays
        found: Floats = kernels.read(
            rows, start, count, np.asarray(entity, np.int64), np.asarray(now, np.float64),
            self._op, self._half, plan.asked, plan.window, plan.grain, plan.grains,
        )  # fmt: skip
        return found

    def forget(self, entity: int) -> None:
        """Drop everything known of an entity."""
        _, start, count, _ = self._arrays
        if 0 <= entity < len(start):
            rows = self._arrays[0]
            rows[start[entity] : start[entity] + count[entity]] = 0.0
            count[entity] = 0

    def run(self, entity: int, codec: RunCodec) -> bytes:
        """The rows of an entity that can still be needed from its last event on; empty if there are none."""
        rows, start, count, _ = self._arrays
        if entity >= len(start):
            return b""
        mine = rows[start[entity] : start[entity] + count[entity]]
        if codec.measures == self.measures:
            return codec.encode(mine.copy())
        return codec.encode(mine[:, [0, *(1 + self.measures.index(one) for one in codec.measures)]])

    def _weight(self, kind: str, position: int) -> Floats:
        """float64[K], what an event of that type, of value one, adds to each measure."""
        key = (kind, position if self._by_place else -1)
        found = self._weights.get(key)
        if found is None:
            found = deltas(self.measures, Facts.of([0.0], [-1], [-1], [kind], None, [position]))[0]
            if len(self._weights) < MAX_WEIGHTS:
                self._weights[key] = found
        return found

    def _reserve(self, n: int) -> None:
        rows, start, count, room = self._arrays
        grown = [np.zeros(max(n, 2 * len(start)), np.int64) for _ in range(3)]
        for longer, old in zip(grown, (start, count, room), strict=True):
            longer[: len(old)] = old
        self._arrays = (rows, grown[0], grown[1], grown[2])
