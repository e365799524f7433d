"""DLRM: a network makes one vector of all quantities; inner products of it and the codes' vectors feed a deep network.

Paper: Naumov et al., "Deep Learning Recommendation Model for Personalization and Recommendation Systems", 2019.
Cost: D numbers per code; F*F*D multiply-adds for the products, F*F/2*h for the first layer behind them.
When not: no better than `ipnn` on small data; the layout that large embedding systems are built for.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.fields.inner_product import InnerProduct
from shortlist.models.neural.blocks.fields.mlp import Mlp
from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldRanker


class Dlrm(FieldRanker):
    """Quantities as one vector, inner products of all, then deep. Learned: see `FieldRanker`."""

    linear: ClassVar[bool] = False

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Quantities to a vector, products, deep."""
        c = self.config
        numbers = [at for at, field in enumerate(fields) if field.kind == "numeric"]
        return DotOfFields(len(fields), numbers, c.factors, c.hidden, c.dropout, c.batch_norm)


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
