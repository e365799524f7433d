"""STAR: every layer is a shared matrix times, number by number, the factors of the row's scenario.

Features are normed within their scenario, and a small network beside it adds what the scenario shifts by itself.

Paper: Sheng et al., "One Model to Serve All: Star Topology Adaptive Recommender", CIKM 2021.
Cost: S + 1 networks to keep, one to train through, S + 1 to answer with.
When not: with dozens of scenarios of a few rows each; `pepnet` shares more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting
from pydantic import PositiveInt

from shortlist.models.base import ModelConfig
from shortlist.models.neural.bodies.shape import Shape
from shortlist.models.ranking.scenarios.base import ScenarioRanker
from shortlist.models.ranking.tasks.base import TaskConfig

if TYPE_CHECKING:
    from torch import nn


class Config(TaskConfig):
    """Settings of `StarRanker`."""

    auxiliary: tuple[PositiveInt, ...] = Setting(default=(16,))
    """Widths of the layers of the small network beside."""
    partitioned_norm: bool = True
    """Whether features are normed within their scenario."""


class StarRanker(ScenarioRanker):
    """Shared matrices times factors of the scenario. Learned: see `TaskRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def body(self, shape: Shape) -> nn.Module:
        """Norm, star layers, and the network beside."""
        from shortlist.models.neural.blocks.scenarios.partitioned_norm import PartitionedNorm
        from shortlist.models.neural.bodies.star import Body

        c = self.config
        norm = PartitionedNorm(shape.slots, shape.width) if c.partitioned_norm else None
        return Body(shape, norm, c.hidden, c.auxiliary, c.dropout)
