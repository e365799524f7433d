"""Where a candidate stands among the candidates of its request: rank, distance from the mean, share of the best.

An absolute number says little where whole requests are high or low; what decides a list is the difference within it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from shortlist.core.types import Array, Floats
from shortlist.features.base import Feature, FeatureConfig, FeatureOwner, View


class Config(FeatureConfig):
    """Settings of `relative`."""

    column: str = Field(min_length=1)
    """A feature declared before, or a column of a stage before, such as `score.trails`."""
    how: Literal["rank", "z", "share"] = "rank"
    """rank: 1 for the highest, equal values share the better rank. z: distance from the mean in standard deviations, 0
    where all are equal. share: part of the highest value."""


class Relative(Feature):
    """A column relative to the request's candidates; NaN where the column is."""

    Config = Config
    owners: tuple[FeatureOwner, ...] = ("pair",)

    def needs(self) -> tuple[str, ...]:
        """The column."""
        return (self.config.column,)

    def compute(self, view: View) -> Array:
        """float64[N]."""
        x = np.asarray(view.column(self.config.column), np.float64)
        known = np.isfinite(x)
        row, value, n = view.row[known], x[known], view.candidates.n_requests
        out = np.full(len(x), np.nan)
        if self.config.how == "rank":
            out[known] = _rank(row, value)
        elif self.config.how == "share":
            highest = np.full(n, -np.inf)
            np.maximum.at(highest, row, value)
            out[known] = np.divide(value, highest[row], out=np.zeros(len(value)), where=highest[row] != 0)
        else:
            count = np.bincount(row, minlength=n)
            mean = np.bincount(row, weights=value, minlength=n) / np.maximum(count, 1)
            gap = value - mean[row]
            spread = np.sqrt(np.bincount(row, weights=gap * gap, minlength=n) / np.maximum(count, 1))
            # Rounding of equal values is no spread.
            real = spread[row] > 1e-12 * np.maximum(np.abs(mean[row]), 1e-300)
            out[known] = np.divide(gap, spread[row], out=np.zeros(len(value)), where=real)
        return out


def _rank(row: Array, value: Floats) -> Floats:
    """1 for the highest of each request; equal values share the better rank."""
    order = np.lexsort((-value, row))
    r, v = row[order], value[order]
    starts = np.searchsorted(r, r, side="left")
    fresh = np.r_[True, (r[1:] != r[:-1]) | (v[1:] != v[:-1])] if len(r) else np.zeros(0, bool)
    place = np.maximum.accumulate(np.where(fresh, np.arange(len(r)), 0)) - starts
    out = np.empty(len(value))
    out[order] = place + 1.0
    return out
