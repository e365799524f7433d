"""Seconds since a time in the item table, such as `published_at`.

A time that lies behind `now` (a clock that is wrong, an item announced early) gives 0 and is counted as `future`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from shortlist.core.types import Array
from shortlist.features.base import Feature, FeatureConfig, FeatureOwner, View, need_column
from shortlist.features.catalogue import gather


class Config(FeatureConfig):
    """Settings of `age`."""

    column: str = Field("published_at", min_length=1)
    """Column of the item table with a time, UTC seconds."""


class Age(Feature):
    """How old the item is; NaN where the table has no time."""

    Config = Config
    owners: tuple[FeatureOwner, ...] = ("item",)
    unit = "s"

    def check(self, catalogue: Any, profiles: Any) -> None:
        """Raises: BadSpec if there is no such column."""
        need_column(self, catalogue, self.config.column, "item")

    def compute(self, view: View) -> Array:
        """float64[N], not negative."""
        age = view.row_now - gather(view.catalogue.column(self.config.column), view.candidates.item).astype(np.float64)
        view.count(self.name, "future", int((age < 0).sum()))
        return np.where(age < 0, 0.0, age)
