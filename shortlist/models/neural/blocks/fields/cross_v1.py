"""Cross layers of DCN: x0 (w . x) + b + x, one weight vector per layer.

Paper: Wang et al., "Deep & Cross Network for Ad Click Predictions", ADKDD 2017. Cost: 2*h per layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CrossV1(nn.Module):
    """Products up to degree layers + 1 of the flattened fields."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(layers, width).uniform_(-(width**-0.5), width**-0.5))
        self.bias = nn.Parameter(torch.zeros(layers, width))

    def forward(self, x: Tensor) -> Tensor:
        """[B, ...] to [B, h]."""
        start = y = x.flatten(1)
        for weight, bias in zip(self.weight, self.bias, strict=True):
            y = start * (y * weight).sum(1, keepdim=True) + bias + y
        return y
