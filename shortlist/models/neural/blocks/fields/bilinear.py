"""Bilinear products of pairs of fields, (v_i W) times v_j element by element.

Paper: Huang et al., "FiBiNET", RecSys 2019. Cost: F*D*D plus F*F*D features per row.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.fields.shapes import pairs

Kind = Literal["all", "each", "pair"]


class Bilinear(nn.Module):
    """D features per pair.

    Args:
        n_fields: F.
        dim: D.
        kind: one matrix for `all` pairs, one for `each` field, or one per `pair`.
    """

    pairs: Tensor

    def __init__(self, n_fields: int, dim: int, kind: Kind = "all") -> None:
        super().__init__()
        self.kind = kind
        self.register_buffer("pairs", pairs(n_fields), persistent=False)
        count = {"all": 1, "each": n_fields, "pair": n_fields * (n_fields - 1) // 2}[kind]
        self.matrix = nn.Parameter(torch.empty(count, dim, dim).uniform_(-(dim**-0.5), dim**-0.5))

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B, F(F-1)/2 * D]."""
        i, j = self.pairs
        if self.kind == "pair":
            left = torch.einsum("bpd,pde->bpe", x[:, i], self.matrix)
        else:
            left = torch.einsum("bfd,fde->bfe", x, self.matrix.expand(x.shape[1], -1, -1))[:, i]
        return (left * x[:, j]).flatten(1)
