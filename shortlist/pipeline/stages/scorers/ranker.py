"""The score of a fitted ranker. Where it stands behind another scorer, that one's score is what is left if it fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from shortlist.core.errors import NotFitted
from shortlist.core.types import Array, Candidates, Requests
from shortlist.pipeline.stages.base import Stage, StageConfig, World


class Config(StageConfig):
    """Settings of `ranker`."""

    model: str = "ranker"
    """Label of the ranker."""


class RankerScorer(Stage):
    """Scores every row by its columns; the first task of the ranker is the score."""

    Config = Config
    kind = "scorer"
    provides = ("score",)
    needs: ClassVar[tuple[str, ...]] = ("models",)
    optional = True

    def __init__(self, world: World, *, label: str = "", **config: Any) -> None:
        super().__init__(world, label=label, **config)
        self.model = world.models[self.config.model]
        if not self.model.is_fitted:
            raise NotFitted(f"The ranker '{self.config.model}' is not fitted.", hint="Fit the pipeline first.")

    @property
    def requires(self) -> tuple[str, ...]:  # type: ignore[override]
        """The columns that the ranker was fitted on."""
        return tuple(self.model.columns_)

    def score(self, requests: Requests, candidates: Candidates) -> Mapping[str, Array]:
        """`score` float64[N]."""
        return {"score": np.asarray(self.model.score(requests, candidates)[:, 0], np.float64)}
