"""Shared layers times factors of the scenario, and a small network beside; see `StarRanker`."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.scenarios.star import Star
from shortlist.models.neural.blocks.tasks.parallel import Parallel
from shortlist.models.neural.bodies.shape import Shape, told


class Body(nn.Module):
    """[B, F, D] and the scenario of each row, int64[B] or None, to logits [B, K]."""

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
        """See the class."""
        x, slot = vectors.flatten(1), told(slot)
        y = x if self.norm is None else self.norm(x, slot)
        for layer in self.layers:
            y = self.dropout(torch.relu(layer(y, slot)))
        found: Tensor = self.last(y, slot) + self.beside(x)
        return found
