"""The user's last n items, latest first: the sequence that attention models read."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from shortlist.core.types import Array
from shortlist.features.base import Feature, FeatureConfig, FeatureOwner, FeatureType, View


class Config(FeatureConfig):
    """Settings of `last_n`."""

    n: int = Field(20, ge=1, le=1000)
    """Items."""


class LastN(Feature):
    """Item indices, -1 where the past is shorter."""

    Config = Config
    owners: tuple[FeatureOwner, ...] = ("user",)
    types: tuple[FeatureType, ...] = ("list",)
    unit = "item"

    def compute(self, view: View) -> Array:
        """int64[B, n]."""
        history = view.requests.history.last(self.config.n)
        out = np.full((len(history), self.config.n), -1, np.int64)
        place = history.offsets[1:][history.row] - 1 - np.arange(len(history.item))
        out[history.row, place] = history.item
        return out
