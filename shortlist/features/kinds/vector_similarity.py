"""Cosine of a candidate's vector with the mean of the user's last items' vectors; a column of lists of numbers.

Any vectors will do: of images, of sounds, of a language model. NaN where the candidate or the whole past has none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from shortlist.core.types import Array, Floats
from shortlist.features.base import Feature, FeatureConfig, FeatureOwner, View, need_column
from shortlist.features.catalogue import gather
from shortlist.features.per_item import PerItem


class Config(FeatureConfig):
    """Settings of `vector_similarity`."""

    column: str = Field(min_length=1)
    """Catalogue column of vectors, all of one length; an item of another length has none."""
    last: int = Field(20, ge=1)
    """Latest events that count."""


class VectorSimilarity(Feature):
    """Cosine in [-1, 1]."""

    Config = Config
    owners: tuple[FeatureOwner, ...] = ("pair",)

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self._vectors: PerItem[Floats] = PerItem(self._unit)

    def check(self, catalogue: Any, profiles: Any) -> None:
        """Raises: BadSpec if there is no such column."""
        need_column(self, catalogue, self.config.column, "item")

    def compute(self, view: View) -> Array:
        """float64[N]."""
        history = view.requests.history.last(self.config.last)
        past = self._vectors.of(view.catalogue, history.item)
        mine = self._vectors.of(view.catalogue, view.candidates.item)
        size = max((len(vector) for vector in (*past, *mine)), default=0)
        taste = np.zeros((len(history), size))
        for b, vector in zip(history.row.tolist(), past, strict=True):
            if len(vector) == size:
                taste[b] += vector
        norm = np.sqrt((taste * taste).sum(axis=1))
        none = np.full(size, np.nan)
        candidate = np.array([vector if len(vector) == size else none for vector in mine]).reshape(len(mine), size)
        dot = (candidate * taste[view.row]).sum(axis=1)
        out: Floats = np.divide(dot, norm[view.row], out=np.full(len(dot), np.nan), where=norm[view.row] > 0)
        return out

    def _unit(self, catalogue: Any, item: int) -> Floats:
        """The item's vector at length one; empty where it has none."""
        [cell] = gather(catalogue.column(self.config.column), np.array([item])).tolist()
        if not isinstance(cell, tuple) or not all(isinstance(part, (int, float)) for part in cell):
            return np.empty(0)
        vector = np.array(cell, np.float64)
        norm = float(np.sqrt((vector * vector).sum()))
        return vector / norm if np.isfinite(norm) and norm > 0 else np.empty(0)
