"""Attention over the products of pairs of fields.

Paper: Xiao et al., "Attentional Factorization Machines", IJCAI 2017. Cost: F*F*D*A.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.fields.shapes import pairs


class Afm(nn.Module):
    """Pairs weighted by a softmax, summed, projected to one logit.

    Args:
        n_fields: F.
        dim: D.
        attention: width of the attention layer.
        dropout: of the weighted sum; the paper needs a lot.
    """

    pairs: Tensor

    def __init__(self, n_fields: int, dim: int, *, attention: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("pairs", pairs(n_fields), persistent=False)
        self.hidden, self.weight = nn.Linear(dim, attention), nn.Linear(attention, 1, bias=False)
        self.dropout, self.out = Dropout(dropout), nn.Linear(dim, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B]."""
        i, j = self.pairs
        products = x[:, i] * x[:, j]
        share = torch.softmax(self.weight(torch.relu(self.hidden(products))), dim=1)
        y: Tensor = self.out(self.dropout((share * products).sum(1)))
        return y.squeeze(1)
