"""Seconds since the last event of an item, of a user, or of the user with the item; NaN if there was none."""

from __future__ import annotations

import numpy as np

from shortlist.core.types import Array
from shortlist.features.base import Feature, FeatureConfig, FeatureOwner, View
from shortlist.features.measures import Measure, Query


class Config(FeatureConfig):
    """Settings of `recency`."""

    events: tuple[str, ...] = ()
    """Types of events that count, "impression" for items shown; none takes every interaction. A pair takes all."""


class Recency(Feature):
    """Age of what happened last."""

    Config = Config
    owners: tuple[FeatureOwner, ...] = ("item", "user", "pair")
    unit = "s"

    def queries(self) -> tuple[Query, ...]:
        """The time of the latest event; none for pairs."""
        if self.owner == "pair":
            return ()
        return (Query(Measure(self.owner, self.config.events, op="latest")),)  # type: ignore[arg-type]

    def compute(self, view: View) -> Array:
        """float64[N], of users [B]."""
        if self.owner != "pair":
            latest = view.numbers[self.reads[0]]
            now = view.requests.now if self.per_request else view.row_now
            return np.where(np.isfinite(latest), now - latest, np.nan)
        history = view.requests.history
        width = 1 + int(max(history.item.max(initial=0), view.candidates.item.max(initial=0)))
        key = history.row * width + history.item
        # Histories are in time order, so the last of each pair is its latest.
        known, first = np.unique(key[::-1], return_index=True)
        at = history.at[::-1][first]
        asked = view.row.astype(np.int64) * width + view.candidates.item
        if not len(known):
            return np.full(len(asked), np.nan)
        place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
        return np.where(known[place] == asked, view.row_now - at[place], np.nan)
