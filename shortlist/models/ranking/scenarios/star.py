"""STAR: every layer is a shared matrix times, number by number, the factors of the row's scenario.

Features are normed within their scenario, and a small network beside it adds what the scenario shifts by itself.

Paper: Sheng et al., "One Model to Serve All: Star Topology Adaptive Recommender", CIKM 2021.
Cost: S + 1 networks to keep, one to train through, S + 1 to answer with.
When not: with dozens of scenarios of a few rows each; `pepnet` shares more.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch
from pydantic import Field as Setting
from pydantic import PositiveInt
from torch import Tensor, nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.scenarios.partitioned_norm import PartitionedNorm
from shortlist.models.neural.blocks.scenarios.star import Star
from shortlist.models.neural.blocks.tasks.parallel import Parallel
from shortlist.models.ranking.scenarios.base import ScenarioRanker, told
from shortlist.models.ranking.tasks.base import Shape, TaskConfig


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
        c = self.config
        norm = PartitionedNorm(shape.slots, shape.width) if c.partitioned_norm else None
        return _Body(shape, norm, c.hidden, c.auxiliary, c.dropout)


class _Body(nn.Module):
    def __init__(
        self, shape: Shape, norm: nn.Module | None, hidden: tuple[int, ...], auxiliary: tuple[int, ...], dropout: float
    ) -> None:
        super().__init__()
        widths = [shape.width, *hidden]
        self.norm = norm
        self.layers = nn.ModuleList(Star(shape.slots, w, o) for w, o in pairwise(widths))
        self.last = Star(shape.slots, widths[-1], shape.outputs)
        self.beside = Parallel(shape.outputs, shape.width, auxiliary, dropout=dropout, logit=True)
        self.dropout = Dropout(dropout)

    def forward(self, vectors: Tensor, slot: Tensor | None) -> Tensor:
        x, slot = vectors.flatten(1), told(slot)
        y = x if self.norm is None else self.norm(x, slot)
        for layer in self.layers:
            y = self.dropout(torch.relu(layer(y, slot)))
        found: Tensor = self.last(y, slot) + self.beside(x)
        return found
