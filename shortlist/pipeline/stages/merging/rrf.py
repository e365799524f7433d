"""Reciprocal rank fusion: a row's weight is the sum of 1 / (constant + rank) over the sources that named it.

Needs no comparable scores, only lists. Paper: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion", SIGIR 2009.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from shortlist.core.types import Candidates, Floats, Requests
from shortlist.pipeline.merge import Lists
from shortlist.pipeline.stages.merging.base import MergerConfig, MergerStage


class Config(MergerConfig):
    """Settings of `rrf`."""

    constant: float = Field(60.0, ge=0, le=1e6)
    """Added to every rank (the first is 1); larger makes the top of the lists count less."""
    weights: dict[str, float] = Field(default_factory=dict)
    """Weight of a source by name; 1 where none is given."""


class Rrf(MergerStage):
    """Sums reciprocal ranks."""

    Config = Config

    def weigh(self, requests: Requests, candidates: Candidates, lists: Lists) -> Floats:
        """float64[N]."""
        out = np.zeros(lists.n)
        for name, rank in zip(lists.names, lists.ranks(), strict=True):
            value = self.config.weights.get(name, 1.0) / (self.config.constant + np.maximum(rank, 0) + 1.0)
            out += np.where(rank >= 0, value, 0.0)
        return out
