"""Popularity: the most wanted items, for everybody.

Counts events per item over the whole log. It is the bar every personal model has to clear and the first answer to a
user nobody knows; on catalogues that change by the hour use `trending` instead.

Cost: 8 bytes per item; one pass over the log.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from shortlist.core.contracts import FitContext
from shortlist.core.types import Floats, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import CatalogueModel, ModelConfig


class Config(ModelConfig):
    """Settings of `Popularity`."""

    count: Literal["events", "users", "value"] = "events"
    """What is counted: every event, each user once per item, or the sum of event values (ratings, quantities)."""


class Popularity(CatalogueModel):
    """One score per item, the same for all requests.

    Learned: `count_` float64[M]; `events_` int64[M], how many events stand behind it.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Count."""
        log = data.interactions
        self.events_ = np.bincount(log.item, minlength=data.n_items)
        if self.config.count == "users":
            pairs = np.unique(log.user * data.n_items + log.item)
            self.count_ = np.bincount(pairs % data.n_items, minlength=data.n_items).astype(np.float64)
        else:
            weight = log.value.astype(np.float64) if self.config.count == "value" else None
            self.count_ = np.bincount(log.item, weights=weight, minlength=data.n_items).astype(np.float64)

    def score_block(self, requests: Requests) -> Floats:
        """float64[B, M] counts; NaN for items without events. Users, histories and `now` are not read."""
        score = np.where(self.events_ > 0, self.count_, np.nan)
        return np.broadcast_to(score, (len(requests), self.n_items_))
