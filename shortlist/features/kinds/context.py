"""What the caller says about the request: device, referrer, place; any query column by its name.

What a caller may leave out is never an error: unknown is "" (or NaN for numbers), or the default.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field as Setting

from shortlist.core.types import Array
from shortlist.features.base import Feature, FeatureConfig, FeatureOwner, FeatureType, View
from shortlist.features.kinds.field import only_known


class Config(FeatureConfig):
    """Settings of `context`."""

    column: str = Setting(min_length=1)
    """Query column: what the caller's context says, or a `profile` stage looked up."""
    known: tuple[str, ...] = ()
    """Texts that may occur; none allows all."""


class Context(Feature):
    """A query column on every candidate."""

    Config = Config
    owners: tuple[FeatureOwner, ...] = ("context",)
    types: tuple[FeatureType, ...] = ("text", "number", "truth")

    def compute(self, view: View) -> Array:
        """[B]."""
        found: Any = view.requests.cols.get(self.config.column)
        n = len(view.requests)
        if self.type == "number":
            return np.full(n, np.nan) if found is None else _numbers(self, found, view)
        if found is None:
            return np.full(n, False) if self.type == "truth" else np.full(n, "", object)
        return only_known(self, found, view)


def _numbers(feature: Feature, found: Array, view: View) -> Array:
    """Floats; what a caller sent that is none is unknown, and counted."""
    if found.dtype.kind in "fiub":
        return found.astype(np.float64)
    view.count(feature.name, "not_a_number", len(found))
    return np.full(len(found), np.nan)
