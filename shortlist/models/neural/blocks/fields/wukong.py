"""Stacked factorisation machines: each layer multiplies fields pairwise and makes new fields of the products.

Paper: Zhang et al., "Wukong: Towards a Scaling Law for Large-Scale Recommendation", ICML 2024.
Cost: F*k*D for the products against k mixed fields, F*k*hidden for the layer behind them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WukongLayer(nn.Module):
    """norm([products, mixtures] + x), as many fields out as in.

    Args:
        n_fields: F.
        dim: D.
        made: fields made of products; the other F - made are mixtures of the old ones.
        rank: fields are multiplied with so many mixtures instead of with each other.
        hidden: units between products and new fields.
    """

    def __init__(self, n_fields: int, dim: int, *, made: int, rank: int, hidden: int) -> None:
        super().__init__()
        self.made, self.dim = min(made, n_fields), dim
        self.rank = nn.Linear(n_fields, rank, bias=False)
        self.inner = nn.Sequential(
            nn.LayerNorm(n_fields * rank), nn.Linear(n_fields * rank, hidden), nn.ReLU(),
            nn.Linear(hidden, self.made * dim),
        )  # fmt: skip
        kept = n_fields - self.made
        self.mix = nn.Linear(n_fields, kept, bias=False) if kept else None
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B, F, D]."""
        products = x @ self.rank(x.mT)
        fields = [self.inner(products.flatten(1)).unflatten(1, (self.made, self.dim))]
        if self.mix is not None:
            fields.append(self.mix(x.mT).mT)
        y: Tensor = self.norm(torch.cat(fields, dim=1) + x)
        return y
