"""Breaks up runs: never more than so many of one kind in a row, as long as there is another kind."""

from __future__ import annotations

from pydantic import Field

from shortlist.core.types import Candidates, Ints, Requests, RowOrder
from shortlist.pipeline.stages.base import Stage, StageConfig
from shortlist.pipeline.stages.rerankers.base import groups, per_request
from shortlist.policy.dispersion import dispersed


class Config(StageConfig):
    """Settings of `spread`."""

    column: str = "category"
    """Candidate column that names the kind; of a list, its first label."""
    most: int = Field(2, ge=1)
    """Longest run of one kind."""


class Spread(Stage):
    """Keeps all rows and, where it can, their order."""

    Config = Config
    kind = "reranker"

    @property
    def requires(self) -> tuple[str, ...]:  # type: ignore[override]
        """The column of kinds."""
        return (self.config.column,)

    def order(self, requests: Requests, candidates: Candidates) -> RowOrder:
        """int64[N], all rows."""
        group = groups(candidates.cols[self.config.column])

        def arrange(b: int, rows: Ints) -> Ints:
            return rows[dispersed(group[rows[0] : rows[-1] + 1], self.config.most)]

        return per_request(requests, candidates, arrange)
