"""SAR: what goes together, times how much and how lately the user wanted each of it.

Items are linked by how often the same users had both, raw or relative to chance; a user's affinity to an item is the
sum of its events, each losing half its weight every half-life; the score is affinity times links. Simple, quick to
explain, with a sense of time, and exact after every single event; `trails` and `rp3beta` are usually more accurate
because they count short histories for more.

Paper: the "Smart Adaptive Recommendations" of Microsoft's open recommender collection, 2018.
Cost: that of `item_knn`: 12 bytes per kept link and per event, never the item-item product itself, until the first
update (see `_live_neighbours`). Not for data without users who had several items.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt

from shortlist.core.contracts import FitContext
from shortlist.core.types import Floats, History
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.retrieval._live_neighbours import LiveLinkModel
from shortlist.models.similarity import NeighbourConfig
from shortlist.models.updating import settled


class Config(ModelConfig):
    """Settings of `Sar`."""

    similarity: Literal["cooccurrence", "cosine", "jaccard", "lift"] = "jaccard"
    """Users of both; the same over the users of either (jaccard), over what chance would give (lift: finds the
    unexpected), or over the geometric mean of both counts (cosine)."""
    half_life_s: PositiveFloat | None = 2_592_000.0
    """Age in seconds (or in the data's own clock) before the latest event at which a past event counts half: thirty
    days by default; None lets all count alike."""
    neighbours: PositiveInt | None = 200
    """Strongest links kept for each scored item; None keeps all pairs that share a user."""
    min_common: PositiveInt = 1
    """Pairs with fewer common users are not linked."""
    max_len: int = Field(default=1000, ge=1)
    """Latest events of a history that are read for an answer."""
    max_events: int = Field(default=1000, ge=2)
    """Latest events of a user that are counted, so that one very active account costs at most its square."""
    max_links: int = Field(default=100_000_000, ge=1)
    """Refuse to count more pairs of items than this (up to 54 bytes each) to learn from single events."""


class Sar(LiveLinkModel):
    """Affinity times similarity; a repeated item counts each time.

    Learned: `links_` CSR float64[M, M], row i what having item i says about others, diagonal empty; for the counted
    events of users see `LiveLinkModel`.
    """

    Config: ClassVar[type[ModelConfig]] = Config
    repeats_count = True

    links_ = settled("links_")

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Compare items and keep the strongest links of each."""
        past = data.sequences.last(self.config.max_events)
        self._live = None
        self._rest = self.compare(past, self.n_items_, threads=ctx.threads, progress=ctx.progress)

    def likeness(self) -> NeighbourConfig:
        """What makes items alike."""
        return NeighbourConfig(similarity=self.config.similarity, min_common=self.config.min_common)

    @property
    def most_events(self) -> int | None:
        """Latest events of a user that are counted."""
        most: int = self.config.max_events
        return most

    def weigh(self, history: History) -> Floats:
        """float64[T], 2^(-age / half-life), where age counts from the latest event of the request."""
        half_life_s = self.config.half_life_s
        if half_life_s is None:
            return np.ones(len(history.item))
        # Counted from the user's own latest event instead of now: the order is the same and nothing underflows.
        last = history.at[np.repeat(history.offsets[1:] - 1, history.lengths)]
        weight: Floats = 2.0 ** ((history.at - last) / half_life_s)
        return weight
