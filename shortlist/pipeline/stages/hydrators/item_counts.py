"""How often each candidate was used before `now`: in all, and lately."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from shortlist.core.types import Array, Candidates, Requests
from shortlist.pipeline.stages.base import Stage, StageConfig, World


class Config(StageConfig):
    """Settings of `item_counts`."""

    half_life_s: float = Field(259_200.0, gt=0)
    """Seconds after which an event counts half in `item_trending`; three days."""


class ItemCounts(Stage):
    """Adds `item_events` and `item_trending`, both as log(1 + count)."""

    Config = Config
    kind = "hydrator"
    needs: ClassVar[tuple[str, ...]] = ("counts",)
    provides = ("item_events", "item_trending")

    def __init__(self, world: World, *, label: str = "", **config: Any) -> None:
        super().__init__(world, label=label, **config)
        self._events = world.counts["events"]
        self._decayed = world.counts[f"decayed:{self.config.half_life_s!r}"]

    def columns(self, requests: Requests, candidates: Candidates) -> Mapping[str, Array]:
        """Each float64[N], not negative."""
        now = requests.now[candidates.row]
        events, decayed = self._events.read(candidates.item, now), self._decayed.read(candidates.item, now)
        return {"item_events": np.log1p(events), "item_trending": np.log1p(decayed)}
