"""At most so many items of one author, brand or category on a page."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from shortlist.core.types import Candidates, Ints, Requests, RowOrder
from shortlist.pipeline.stages.base import Stage, StageConfig
from shortlist.pipeline.stages.rerankers.base import groups, per_request
from shortlist.policy.caps import surplus_last, within_cap


class Config(StageConfig):
    """Settings of `max_per_group`."""

    column: str = "category"
    """Candidate column that names the group; of a list, its first label."""
    most: int = Field(3, ge=1)
    """Rows of one group per request, best first."""
    drop: bool = True
    """Drop rows beyond the cap even if the list comes out short; False moves them to the end instead."""


class MaxPerGroup(Stage):
    """Keeps the first rows of each group; rows without a group are not counted."""

    Config = Config
    kind = "reranker"

    @property
    def requires(self) -> tuple[str, ...]:  # type: ignore[override]
        """The group column."""
        return (self.config.column,)

    def order(self, requests: Requests, candidates: Candidates) -> RowOrder:
        """int64[N'] row numbers in their order."""
        group = groups(candidates.cols[self.config.column])

        def arrange(b: int, rows: Ints) -> Ints:
            keep = within_cap(group[rows[0] : rows[-1] + 1], self.config.most)
            return rows[keep] if self.config.drop else np.array(surplus_last(rows, keep), np.int64)

        return per_request(requests, candidates, arrange)
