"""Gated cross layers: x0 * (W x + b) * sigmoid(G x) + x, where the gate drops crosses that do not help.

Paper: Wang et al., "Towards Deeper, Lighter and Interpretable Cross Network for CTR Prediction", CIKM 2023.
Cost: 2*h*h per layer.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from shortlist.models.neural.halves import Halves, linear


class GatedCross(nn.Module):
    """Cross network with a gate per layer.

    Args:
        width: h.
        layers: how many.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.cross = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.gate = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        """[B, ...] to [B, h]."""
        start = y = x.flatten(1)
        for cross, gate in zip(self.cross, self.gate, strict=True):
            y = start * cross(y) * torch.sigmoid(gate(y)) + y
        return y

    def halves(self, x: Halves) -> Tensor:
        """As `forward`; the request's part of the first layer once."""
        start = x.whole().flatten(1)
        cross, gate = (linear(cast(nn.Linear, layers[0]), x) for layers in (self.cross, self.gate))
        y = start * cross * torch.sigmoid(gate) + start
        for layer, gated in zip(list(self.cross)[1:], list(self.gate)[1:], strict=True):
            y = start * layer(y) * torch.sigmoid(gated(y)) + y
        return y
