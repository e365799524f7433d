"""Star layers: a shared matrix, and for each scenario factors that it is multiplied with, number by number.

Factors are kept as what they differ from 1 by, so that they start as the shared layer and decay draws them back to it.
Nobody's scenario has the shared matrix itself.

Paper: Sheng et al., "One Model to Serve All: Star Topology Adaptive Recommender", CIKM 2021.
Cost: S + 1 matrices; one product per row while training.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.scenarios.by_slot import by_slot


class Star(nn.Module):
    """A linear layer with the factors of each scenario.

    Args:
        slots: scenarios and nobody's.
        width: of the input.
        out: of the output.
    """

    def __init__(self, slots: int, width: int, out: int) -> None:
        super().__init__()
        bound = width**-0.5
        self.shared = nn.Parameter(torch.empty(width, out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(out))
        self.own = nn.Parameter(torch.zeros(slots - 1, width, out))
        self.own_bias = nn.Parameter(torch.zeros((slots - 1) * out))

    def forward(self, x: Tensor, slot: Tensor) -> Tensor:
        """[B, i] and int64[B] to [B, o]."""
        weight = torch.cat([self.shared[None], self.shared * (1.0 + self.own)])
        bias = torch.cat([self.bias[None], self.bias + self.own_bias.view(-1, len(self.bias))])
        return by_slot(x, slot, weight, bias, apart=self.training)
