"""A weighted sum of columns with published weights, after bringing each column to one scale within the request.

The score of a pipeline without a ranker, and the answer when the ranker fails. Scores of different sources mean
different things (cosines, counts, probabilities), so each is first turned into standard units or ranks of its request;
a row that a source did not name gets what the last row of that source has.

Behind a ranker of several tasks it weighs the heads (`score.ranker.click`, `score.ranker.purchase`). Those are chances
on one scale already: `scale = "none"` adds them up, so that a weight is what a purchase is worth in clicks, and
`scale = "log"` multiplies them, each to the power of its weight. If the ranker fails, the score before it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from pydantic import Field, field_validator

from shortlist.core.order import best_first, rank_within
from shortlist.core.types import Array, Candidates, Floats, Ints, Requests
from shortlist.pipeline.stages.base import Stage, StageConfig

SMALLEST = 1e-12
"""Below this, `log` takes a value for this."""


class Config(StageConfig):
    """Settings of `blend`."""

    weights: dict[str, float] = Field(min_length=1)
    """Weight of each column; columns of stages that were left out count for nothing."""
    scale: Literal["zscore", "rank", "minmax", "none", "log"] = "zscore"
    """How columns are made comparable within a request: standard units, ranks in (0, 1], range [0, 1], not at all, or
    by their logarithms, which makes a product of the sum."""

    @field_validator("weights")
    @classmethod
    def _finite(cls, weights: dict[str, float]) -> dict[str, float]:
        if any(not np.isfinite(weight) or abs(weight) > 1e6 for weight in weights.values()):
            raise ValueError("weights must be finite and at most a million")
        return weights


class Blend(Stage):
    """Gives the weighted sum as `score`; the score that was there before, where none of the columns is known."""

    Config = Config
    kind = "scorer"
    provides = ("score",)

    @property
    def uses(self) -> tuple[str, ...]:  # type: ignore[override]
        """The weighted columns."""
        return tuple(self.config.weights)

    def score(self, requests: Requests, candidates: Candidates) -> Mapping[str, Array]:
        """`score` float64[N]."""
        out = np.zeros(len(candidates))
        told = np.zeros(len(requests), bool)
        for name, weight in self.config.weights.items():
            if name in candidates.cols:
                column = candidates.cols[name].astype(np.float64)
                out += weight * _scaled(column, candidates, len(requests), self.config.scale)
                told[candidates.row[np.isfinite(column)]] = True
        if "score" in candidates.cols:
            out = np.where(told[candidates.row], out, candidates.cols["score"])
        return {"score": out}


def _scaled(column: Floats, candidates: Candidates, n: int, scale: str) -> Floats:
    row = candidates.row
    known = np.isfinite(column)
    if scale == "none":
        return np.where(known, column, 0.0)
    if scale == "log":
        return np.log(np.where(known, np.maximum(column, SMALLEST), 1.0))
    if scale == "rank":
        order = best_first(row, column, candidates.item)
        rank = np.empty(len(column))
        rank[order] = rank_within(row[order])
        size = np.bincount(row[known], minlength=n)[row]
        return np.where(known, 1.0 - rank / np.maximum(size, 1), 0.0)
    rows, held = row[known], column[known]
    low = np.full(n, np.inf)
    np.minimum.at(low, rows, held)
    filled = np.where(known, column, np.where(np.isfinite(low), low, 0.0)[row])
    if scale == "minmax":
        high = np.full(n, -np.inf)
        np.maximum.at(high, rows, held)
        spread = np.where(np.isfinite(low) & (high > low), high - low, 1.0)
        return (filled - np.where(np.isfinite(low), low, 0.0)[row]) / spread[row]
    return _standard(filled, row, n)


def _standard(column: Floats, row: Ints, n: int) -> Floats:
    """Standard units within each request; zero where all rows are equal. Sums run in row order, in any batch alike."""
    size = np.maximum(np.bincount(row, minlength=n), 1)
    mean = np.bincount(row, weights=column, minlength=n) / size
    centred = column - mean[row]
    spread = np.sqrt(np.bincount(row, weights=centred * centred, minlength=n) / size)
    safe = np.where(spread > 1e-12 * np.maximum(np.abs(mean), 1.0), spread, 1.0)
    flat = spread <= 1e-12 * np.maximum(np.abs(mean), 1.0)
    return np.where(flat[row], 0.0, centred / safe[row])
