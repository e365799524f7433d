"""The score that the first source gave, then that of the next one for rows which the first did not name.

Sources are tiers: every row of a tier stands below every row of the tier before, so a fallback source fills a list
without mixing scores that mean different things.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydantic import Field

from shortlist.core.types import Array, Candidates, Floats, Requests
from shortlist.pipeline.stages.base import Stage, StageConfig


class Config(StageConfig):
    """Settings of `first_score`."""

    columns: tuple[str, ...] = Field(min_length=1)
    """Score columns, the most trusted first."""


class FirstScore(Stage):
    """Takes the first finite score."""

    Config = Config
    kind = "scorer"
    provides = ("score",)

    @property
    def requires(self) -> tuple[str, ...]:  # type: ignore[override]
        """The configured columns."""
        return tuple(self.config.columns)

    def score(self, requests: Requests, candidates: Candidates) -> Mapping[str, Array]:
        """`score` float64[N]; rows of later tiers are shifted below those of earlier ones."""
        n = len(requests)
        out = np.full(len(candidates), np.nan)
        floor = np.full(n, np.inf)
        for column in self.config.columns:
            score = candidates.cols[column]
            mine = np.isnan(out) & np.isfinite(score)
            row = candidates.row[mine]
            top = _extreme(np.maximum, row, score[mine], n)
            shift = np.where(np.isfinite(floor), floor - 1.0 - top, 0.0)
            out[mine] = score[mine] + shift[row]
            floor = np.minimum(floor, _extreme(np.minimum, row, out[mine], n))
        return {"score": out}


def _extreme(which: np.ufunc, row: Array, score: Floats, n: int) -> Floats:
    """The largest (or smallest) score of each request; minus (or plus) infinity where it has none."""
    out = np.full(n, -np.inf if which is np.maximum else np.inf)
    which.at(out, row, score)
    return out
