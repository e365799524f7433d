"""Layers with a core made for each row; see `Apg`."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.scenarios.adaptive import Adaptive
from shortlist.models.neural.bodies.shape import Shape


class Body(nn.Module):
    """[B, F, D] and the scenario of each row, int64[B] or None, to logits [B, K]."""

    def __init__(self, shape: Shape, condition: list[int], hidden: tuple[int, ...], rank: int, dropout: float) -> None:
        super().__init__()
        self.condition = condition
        widths, z = [shape.width, *hidden, shape.outputs], len(condition) * shape.dim
        self.layers = nn.ModuleList(Adaptive(w, o, z, rank) for w, o in pairwise(widths))
        self.dropout = Dropout(dropout)

    def forward(self, vectors: Tensor, slot: Tensor | None) -> Tensor:
        """See the class."""
        y, condition = vectors.flatten(1), vectors[:, self.condition].flatten(1)
        for layer in self.layers[:-1]:
            y = self.dropout(torch.relu(layer(y, condition)))
        found: Tensor = self.layers[-1](y, condition)
        return found
