"""APG: the condition of a row (its scenario, its user) makes a small matrix in the middle of every layer.

Paper: Yan et al., "APG: Adaptive Parameter Generation Network for Click-Through Rate Prediction", NeurIPS 2022.
Cost: rank * (h + out + rank) per layer and row, less than a full layer; z*rank*rank to make the core.
When not: where the condition is rare; a core is only as good as the rows that taught it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch
from pydantic import Field as Setting
from torch import Tensor, nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.scenarios.adaptive import Adaptive
from shortlist.models.ranking.scenarios.base import ScenarioRanker
from shortlist.models.ranking.tasks.base import Shape, TaskConfig


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
        c = self.config
        return _Body(shape, self.places_beside(shape, c.condition_columns), c.hidden, c.rank, c.dropout)


class _Body(nn.Module):
    def __init__(self, shape: Shape, condition: list[int], hidden: tuple[int, ...], rank: int, dropout: float) -> None:
        super().__init__()
        self.condition = condition
        widths, z = [shape.width, *hidden, shape.outputs], len(condition) * shape.dim
        self.layers = nn.ModuleList(Adaptive(w, o, z, rank) for w, o in pairwise(widths))
        self.dropout = Dropout(dropout)

    def forward(self, vectors: Tensor, slot: Tensor | None) -> Tensor:
        y, condition = vectors.flatten(1), vectors[:, self.condition].flatten(1)
        for layer in self.layers[:-1]:
            y = self.dropout(torch.relu(layer(y, condition)))
        found: Tensor = self.layers[-1](y, condition)
        return found
