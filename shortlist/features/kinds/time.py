"""When the request is made: hour, weekday, and the same on a circle, where 23 h lies beside 0 h.

Times are UTC seconds, so days have no gaps and no leap seconds; `offset_h` moves them to a place's usual time.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from shortlist.core.types import Array, Floats
from shortlist.features.base import Feature, FeatureConfig, FeatureOwner, View


class Config(FeatureConfig):
    """Settings of `time`."""

    part: Literal["hour", "weekday", "day_sin", "day_cos", "week_sin", "week_cos"] = "hour"
    """hour: 0 to 24, with fractions. weekday: 0 for Monday to 6. The others: where in the day or week, on a circle."""
    offset_h: float = Field(0.0, ge=-14, le=14)
    """Hours ahead of UTC."""


class Time(Feature):
    """A property of `now`."""

    Config = Config
    owners: tuple[FeatureOwner, ...] = ("context",)

    def compute(self, view: View) -> Array:
        """float64[B]."""
        day = (view.requests.now + 3600.0 * self.config.offset_h) / 86_400.0
        part = self.config.part
        # The first of January 1970 was a Thursday.
        week = day + 3.0
        out: Floats
        if part == "hour":
            out = (day % 1.0) * 24.0
        elif part == "weekday":
            out = np.floor(week) % 7.0
        else:
            turn = 2.0 * np.pi * (day % 1.0 if part.startswith("day") else week / 7.0 % 1.0)
            out = np.sin(turn) if part.endswith("sin") else np.cos(turn)
        return out
