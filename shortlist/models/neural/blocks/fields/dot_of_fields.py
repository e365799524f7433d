"""Quantities as one vector, inner products of all fields, then a deep network; see `Dlrm`.

Cost: F^2 * D multiply-adds per row for the products, besides the networks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.fields.inner_product import InnerProduct
from shortlist.models.neural.blocks.fields.mlp import Mlp


class DotOfFields(nn.Module):
    """[B, F, D] to [B]; the fields numbered in `numbers` become one vector first."""

    numbers: Tensor
    codes: Tensor

    def __init__(
        self, n_fields: int, numbers: list[int], dim: int, hidden: tuple[int, ...], dropout: float, norm: bool
    ) -> None:
        super().__init__()
        codes = [at for at in range(n_fields) if at not in numbers]
        self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.int64), persistent=False)
        self.register_buffer("codes", torch.tensor(codes, dtype=torch.int64), persistent=False)
        self.bottom = Mlp(len(numbers) * dim, (*hidden[:1], dim), norm=norm, logit=False) if numbers else None
        n = len(codes) + bool(numbers)
        self.products = InnerProduct(n)
        self.top = Mlp(n * (n - 1) // 2 + (dim if numbers else n * dim), hidden, dropout=dropout, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B]."""
        vectors = x[:, self.codes]
        beside = vectors.flatten(1)
        if self.bottom is not None:
            beside = self.bottom(x[:, self.numbers])
            vectors = torch.cat([vectors, beside.unsqueeze(1)], dim=1)
        y: Tensor = self.top(torch.cat([self.products(vectors), beside], dim=1))
        return y
