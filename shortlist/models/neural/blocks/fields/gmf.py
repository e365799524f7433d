"""Generalised matrix factorisation: the products of two fields' vectors, dimension by dimension.

Paper: He et al., "Neural Collaborative Filtering", WWW 2017. Cost: D.
"""

from __future__ import annotations

from torch import Tensor, nn


class Gmf(nn.Module):
    """Products of two fields.

    Args:
        first: number of one field.
        second: number of the other.
    """

    def __init__(self, first: int, second: int) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B, D]."""
        return x[:, self.first] * x[:, self.second]
