"""A push for what is new: relevance times 1.2 for items younger than a day."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from shortlist.core.order import best_first
from shortlist.core.types import Candidates, Requests, RowOrder
from shortlist.pipeline.stages.base import Stage, StageConfig
from shortlist.policy.boosts import boosted, is_fresh


class Config(StageConfig):
    """Settings of `freshness`."""

    column: str = "published_at"
    """Candidate column with the time of publication, UTC seconds."""
    within_s: float = Field(86_400.0, gt=0)
    """Age up to which an item is fresh."""
    factor: float = Field(1.2, ge=1, le=1000)
    """Factor on the score."""


class Freshness(Stage):
    """Orders by the boosted score; the column `score` stays what the scorer said."""

    Config = Config
    kind = "reranker"

    @property
    def requires(self) -> tuple[str, ...]:  # type: ignore[override]
        """The score and the time of publication."""
        return ("score", self.config.column)

    def order(self, requests: Requests, candidates: Candidates) -> RowOrder:
        """int64[N], all rows."""
        score = candidates.cols["score"]
        published = candidates.cols[self.config.column]
        fresh = is_fresh(published, requests.now[candidates.row], self.config.within_s)
        value = np.where(fresh, boosted(score, self.config.factor), score)
        return RowOrder(best_first(candidates.row, value, candidates.item))
