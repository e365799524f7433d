"""Outer product of the sum of all fields with itself: every pair of dimensions of every pair of fields, superposed.

Paper: Qu et al., "Product-based Neural Networks for User Response Prediction", ICDM 2016 (OPNN). Cost: D*D.
"""

from __future__ import annotations

from torch import Tensor, nn


class OuterProduct(nn.Module):
    """D*D features."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B, D*D]."""
        total = x.sum(1)
        return (total.unsqueeze(2) * total.unsqueeze(1)).flatten(1)
