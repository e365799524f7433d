"""A factorisation machine whose pairs of fields have a weight each.

Paper: Pan et al., "Field-weighted Factorization Machines", WWW 2018. Cost: F*F*D.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.fields.inner_product import InnerProduct


class FwFm(nn.Module):
    """Weighted sum of inner products; every weight starts at one, which is the plain machine."""

    def __init__(self, n_fields: int) -> None:
        super().__init__()
        self.products = InnerProduct(n_fields)
        self.weight = nn.Parameter(torch.ones(n_fields * (n_fields - 1) // 2))

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B]."""
        y: Tensor = (self.products(x) * self.weight).sum(1)
        return y
