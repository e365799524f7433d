"""APG: the condition of a row (its scenario, its user) makes a small matrix in the middle of every layer.

Paper: Yan et al., "APG: Adaptive Parameter Generation Network for Click-Through Rate Prediction", NeurIPS 2022.
Cost: rank * (h + out + rank) per layer and row, less than a full layer; z*rank*rank to make the core.
When not: where the condition is rare; a core is only as good as the rows that taught it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from shortlist.models.base import ModelConfig
from shortlist.models.neural.bodies.shape import Shape
from shortlist.models.ranking.scenarios.base import ScenarioRanker
from shortlist.models.ranking.tasks.base import TaskConfig

if TYPE_CHECKING:
    from torch import nn


class Config(TaskConfig):
    """Settings of `Apg`."""

    condition_columns: tuple[str, ...] = ()
    """Columns beside the scenario that the layers are made for."""
    rank: int = Setting(default=16, ge=1, le=256)
    """Rows and columns of the made matrix."""


class Apg(ScenarioRanker):
    """Layers with a core made for each row. Learned: see `TaskRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def body(self, shape: Shape) -> nn.Module:
        """Adaptive layers."""
        from shortlist.models.neural.bodies.apg import Body

        c = self.config
        return Body(shape, self.places_beside(shape, c.condition_columns), c.hidden, c.rank, c.dropout)
