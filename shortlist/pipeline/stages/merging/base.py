"""What mergers share: a weight per candidate, and the cut to the heaviest."""

from __future__ import annotations

from pydantic import Field

from shortlist.core.errors import StageError
from shortlist.core.order import keep_best
from shortlist.core.types import Candidates, Floats, Ints, Requests
from shortlist.pipeline.merge import Lists
from shortlist.pipeline.stages.base import Stage, StageConfig


class MergerConfig(StageConfig):
    """Settings common to all mergers."""

    most: int | None = Field(None, ge=1)
    """Rows kept per request, heaviest first; None keeps all."""


class MergerStage(Stage):
    """Base of all mergers."""

    Config = MergerConfig
    kind = "merge"
    provides = ("score.merge",)

    def weigh(self, requests: Requests, candidates: Candidates, lists: Lists) -> Floats:
        """float64[N], how strongly the sources together speak for each row."""
        raise StageError(f"{type(self).__name__} does not implement weigh().")

    def cut(self, candidates: Candidates, weight: Floats) -> Ints | None:
        """Row numbers to keep, ascending, or None for all."""
        if self.config.most is None:
            return None
        kept = keep_best(candidates.row, weight, candidates.item, self.config.most)
        kept.sort()
        return kept
