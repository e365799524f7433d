"""The best rows by score: non-finite last, then score, then item id. Keeps a reserve for the rerankers."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from shortlist.core.order import keep_best
from shortlist.core.types import Candidates, Requests, RowOrder
from shortlist.pipeline.stages.base import Stage, StageConfig


class Config(StageConfig):
    """Settings of `top`."""

    reserve: int = Field(0, ge=0, le=10_000)
    """Rows kept beyond k, for rerankers to choose from."""


class Top(Stage):
    """Cuts each request to k rows and the reserve. Rows that no scorer could score are kept, at the end."""

    Config = Config
    kind = "selector"
    requires = ("score",)

    def order(self, requests: Requests, candidates: Candidates) -> RowOrder:
        """int64[N'] row numbers, best first within each request."""
        limit = requests.k.astype(np.int64) + self.config.reserve
        return RowOrder(keep_best(candidates.row, candidates.cols["score"], candidates.item, limit))
