"""Layers whose weights a condition makes: a core of low rank between two shared matrices.

The condition (scenario, user) of a row gives a small matrix S, and the layer is V S(z) U x. U and V have a factor more
than they need while training, which costs nothing when they are multiplied out afterwards. S starts near the identity.

Paper: Yan et al., "APG: Adaptive Parameter Generation Network for Click-Through Rate Prediction", NeurIPS 2022.
Cost: h*k + k*k + k*out per row, and z*k*k to make S.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Adaptive(nn.Module):
    """A linear layer with a core made for each row.

    Args:
        width: of the input.
        out: of the output.
        condition: width of what the core is made from.
        rank: k.
    """

    def __init__(self, width: int, out: int, condition: int, rank: int) -> None:
        super().__init__()
        self.rank = rank
        self.down = nn.Linear(width, rank, bias=False)
        self.down_more = nn.Linear(rank, rank, bias=False)
        self.up_more = nn.Linear(rank, rank, bias=False)
        self.up = nn.Linear(rank, out)
        self.core = nn.Linear(condition, rank * rank)
        nn.init.eye_(self.down_more.weight)
        nn.init.eye_(self.up_more.weight)
        nn.init.normal_(self.core.weight, std=0.1 * condition**-0.5)
        nn.init.zeros_(self.core.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """[B, h] and [B, z] to [B, out]."""
        low = self.down_more(self.down(x))
        core = self.core(condition).view(-1, self.rank, self.rank)
        turned = low + torch.bmm(low.unsqueeze(1), core).squeeze(1)
        y: Tensor = self.up(self.up_more(turned))
        return y
