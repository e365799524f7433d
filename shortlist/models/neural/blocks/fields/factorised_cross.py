"""Factorised interaction layers: two projections, one kept and one kept as their product.

Paper: Zhu et al., "FINAL: Factorized Interaction Layer for CTR Prediction", SIGIR 2023. Degrees double from layer to
layer. Cost: h*out per layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.fields.shapes import Norm


class FactorisedCross(nn.Module):
    """Layers of [a, a * b] with a and b halves of a linear layer.

    Args:
        width: h of the input.
        hidden: even widths of the layers.
        dropout: after each layer.
        norm: batch norm in each layer.
    """

    def __init__(self, width: int, hidden: Sequence[int], *, dropout: float = 0.0, norm: bool = False) -> None:
        super().__init__()
        self.layers, self.after = nn.ModuleList(), nn.ModuleList()
        for size in hidden:
            self.layers.append(nn.Linear(width, size))
            self.after.append(nn.Sequential(*([Norm(size)] if norm else []), nn.ReLU(), Dropout(dropout)))
            width = size
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """[B, ...] to [B, last width]."""
        y = x.flatten(1)
        for layer, after in zip(self.layers, self.after, strict=True):
            one, two = layer(y).chunk(2, dim=1)
            y = after(torch.cat([one, one * two], dim=1))
        return y
