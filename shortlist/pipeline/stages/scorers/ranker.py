"""The score of a fitted ranker. Where it stands behind another scorer, that one's score is what is left if it fails.

A ranker of several tasks gives a column per head besides, `score.<model>.<task>`, for a `blend` behind it to weigh; by
itself its first task decides. Above its budget it is told of or capped (`base.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from shortlist.core.errors import NotFitted, StageError
from shortlist.core.types import Array, Candidates, Requests
from shortlist.pipeline.stages.base import World
from shortlist.pipeline.stages.scorers.base import ModelScorer, ModelScorerConfig


class Config(ModelScorerConfig):
    """Settings of `ranker`."""

    model: str = "ranker"
    """Label of the ranker."""


class RankerScorer(ModelScorer):
    """Scores every row by its columns; the first task of the ranker is the score, each has a column of its own."""

    Config = Config
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

    @property
    def provides(self) -> tuple[str, ...]:  # type: ignore[override]
        """`score`, and the heads where there are several."""
        # A stage that is only declared knows no model, and so no heads.
        tasks = getattr(getattr(self, "model", None), "tasks", ())
        return ("score", *self._heads(tasks))

    def score(self, requests: Requests, candidates: Candidates) -> Mapping[str, Array]:
        """`score` float64[N], and a column per head."""
        found = np.asarray(self.model.score(requests, candidates), np.float64)
        if found.shape != (len(candidates), len(self.model.tasks)):
            raise StageError(
                f"The ranker '{self.config.model}' gave scores of shape {list(found.shape)} for {len(candidates)} rows "
                f"and {len(self.model.tasks)} tasks.",
                hint="This is a bug in the ranker; roll back to the bundle before.",
            )
        heads = self._heads(self.model.tasks)
        return {"score": found[:, 0], **{name: found[:, head] for head, name in enumerate(heads)}}

    def _heads(self, tasks: Sequence[str]) -> tuple[str, ...]:
        return tuple(f"score.{self.config.model}.{task}" for task in tasks) if len(tasks) > 1 else ()
