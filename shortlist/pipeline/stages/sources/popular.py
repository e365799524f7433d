"""What most people used, as of the request's time; the source that always has something to say.

The ranking is read from exact counts at the latest full `refresh_s` before `now`, so that all requests of that span
share one list and serving costs a look-up. Items nobody used come last, so even a new shop gets a full page.
Cost: one pass over the catalogue per span; one gather per request.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from shortlist.core.order import best_first
from shortlist.core.types import Floats, Hits, Ints, Requests, offsets_of
from shortlist.pipeline.stages.base import World
from shortlist.pipeline.stages.sources.base import SourceConfig, SourceStage

KEPT = 64
"""Rankings kept at once."""
SHORTEST = 1000
"""Rows kept of a ranking at least."""


class Config(SourceConfig):
    """Settings of `popular`."""

    k: int = Field(100, ge=1, le=100_000)
    """Candidates per request, besides as many as the user already knows."""
    refresh_s: float = Field(600.0, ge=0)
    """Seconds for which a ranking stands; 0 counts up to every single request."""


class Popular(SourceStage):
    """Items by number of events."""

    Config: ClassVar[type[SourceConfig]] = Config
    needs: ClassVar[tuple[str, ...]] = ("counts", "catalogue")
    reason = "popular"
    with_unused: ClassVar[bool] = True
    """Whether items without any event are listed, after all others."""

    def __init__(self, world: World, *, label: str = "", **config: Any) -> None:
        super().__init__(world, label=label, **config)
        self._counter = self.counter()
        self._kept: OrderedDict[float, tuple[int, Ints, Floats]] = OrderedDict()
        self._lock = Lock()

    def counter(self) -> Any:
        """The counter that ranks."""
        return self.world.counts["events"]

    def fetch(self, requests: Requests) -> Hits:
        """At most k hits per request besides as many as its history is long; score = events."""
        limit = self.reach(requests)
        moments, which = np.unique(self._moment(requests.now), return_inverse=True)
        deepest = np.zeros(len(moments), np.int64)
        np.maximum.at(deepest, which, limit)
        lists = [self._ranking(float(at), int(most)) for at, most in zip(moments, deepest, strict=True)]
        starts = offsets_of(np.array([len(items) for items, _ in lists], np.int64))
        take = np.minimum(limit, np.diff(starts)[which])
        offsets = offsets_of(take)
        index = np.repeat(starts[:-1][which] - offsets[:-1], take) + np.arange(offsets[-1])
        row = np.repeat(np.arange(len(requests), dtype=np.int32), take)
        item = np.concatenate([items for items, _ in lists])
        score = np.concatenate([scores for _, scores in lists])
        return self.cut(Hits(row, item[index], score[index].astype(np.float32)), requests)

    def _moment(self, now: Floats) -> Floats:
        """The time at which each request's ranking is read; `now` itself before the first full span."""
        span = self.config.refresh_s
        return now if span == 0 else np.maximum(np.floor(now / span) * span, np.minimum(now, span))

    def _ranking(self, at: float, most: int) -> tuple[Ints, Floats]:
        """The best items as of `at`, at least `most` of them if there are."""
        n = self.n_items
        with self._lock:
            held = self._kept.get(at) if self.config.refresh_s else None
        if held is None or held[0] < min(most, n):
            items = np.arange(n, dtype=np.int64)
            count = self._counter.read(items, np.full(n, at))
            depth = max(most, SHORTEST)
            order = _best(count, depth, self.with_unused)
            held = (depth if depth < n else 2**62, order, count[order])
            with self._lock:
                self._kept[at] = held
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return held[1], held[2]


def _best(count: Floats, depth: int, with_unused: bool) -> Ints:
    """The `depth` items counted most, ties by item; without sorting the whole catalogue."""
    used = np.flatnonzero(count > 0)
    if len(used) > depth:
        held = count[used]
        used = used[held >= np.partition(held, len(held) - depth)[len(held) - depth]]
    order: Ints = used[best_first(np.zeros(len(used), np.int32), count[used], used)][:depth]
    if with_unused and len(order) < depth:
        order = np.concatenate([order, np.flatnonzero(count <= 0)[: depth - len(order)]])
    return order
