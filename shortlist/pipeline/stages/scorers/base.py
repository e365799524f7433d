"""What scorers with a model share: how long they may take, and how many rows of a request reach them.

The cost is measured when a bundle is published and again when it is loaded (`pipeline/costs.py`); above the budget the
operator is told. A cap is a number that stands in the spec or that publishing wrote there, never one that a request
finds out, so that the same request has the same list offline and online, on a fast machine and on a slow one.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from shortlist.core.order import keep_best
from shortlist.core.types import Candidates, Ints, Requests
from shortlist.pipeline.stages.base import Stage, StageConfig


class ModelScorerConfig(StageConfig):
    """Settings common to scorers with a model."""

    budget_ms: float = Field(10.0, gt=0)
    """Milliseconds that scoring the candidates of one request may take; above it, publishing and loading warn."""
    over_budget: Literal["warn", "cap"] = "warn"
    """What publishing does above the budget: say so, or also fix `most` at what the budget affords."""
    most: int | None = Field(None, ge=1)
    """Rows of a request that are scored, the best in the order so far; the others leave the list. As many as the list
    is long are scored in any case. None scores all."""


class ModelScorer(Stage):
    """Base of scorers with a model."""

    Config = ModelScorerConfig
    kind = "scorer"

    def cut(self, requests: Requests, candidates: Candidates) -> Ints | None:
        """int64[N'], rows that are scored, ascending; None for all."""
        if self.config.most is None:
            return None
        return best_so_far(candidates, np.maximum(requests.k, self.config.most))


def best_so_far(candidates: Candidates, limit: Ints) -> Ints | None:
    """int64[N'], the first `limit` rows of each request in the order that the stages before gave, ascending.

    Args:
        candidates: with the column `score` of an earlier scorer, or else `score.merge`.
        limit: int[B].

    Returns:
        None where no request has more.
    """
    if (np.bincount(candidates.row, minlength=len(limit)) <= limit).all():
        return None
    order = candidates.cols["score" if "score" in candidates.cols else "score.merge"]
    kept = keep_best(candidates.row, order, candidates.item, limit)
    kept.sort()
    return kept
