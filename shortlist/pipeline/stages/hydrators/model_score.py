"""The score of one model for every candidate, whoever brought it.

Sources name their own rows only; a ranker needs every row scored by the same model, in the same way, online and in
training. The numbers come from the model's row kernel, which does not depend on what else is in the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from shortlist.core.types import Array, Candidates, Requests
from shortlist.pipeline.stages.base import Stage, StageConfig, World


class Config(StageConfig):
    """Settings of `model_score`."""

    model: str
    """Label of the model."""
    last: int | None = Field(None, ge=1)
    """Latest events that the model is told; None tells it all that was read."""
    only_missing: bool = False
    """Keep the score that a source of that name gave and compute only the others."""


class ModelScore(Stage):
    """Adds `score.<model>`, NaN where the model cannot say."""

    Config = Config
    kind = "hydrator"
    needs: ClassVar[tuple[str, ...]] = ("models",)

    def __init__(self, world: World, *, label: str = "", **config: Any) -> None:
        super().__init__(world, label=label, **config)
        self.model = world.models[self.config.model]

    @property
    def provides(self) -> tuple[str, ...]:  # type: ignore[override]
        """One score column."""
        return (f"score.{self.config.model}",)

    def columns(self, requests: Requests, candidates: Candidates) -> Mapping[str, Array]:
        """float64[N]."""
        name = self.provides[0]
        held = candidates.cols.get(name) if self.config.only_missing else None
        asked = candidates if held is None else candidates.take(np.isnan(held))
        if self.config.last is not None:
            requests = requests.with_history(requests.history.last(self.config.last))
        if len(asked):
            scores = np.asarray(self.model.score(requests, asked)[:, 0], np.float64)
        else:
            scores = np.empty(0)
        if held is None:
            return {name: scores}
        out = held.copy()
        out[np.isnan(held)] = scores
        return {name: out}
