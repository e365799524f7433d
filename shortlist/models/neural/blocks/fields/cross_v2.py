"""Cross layers of DCNv2: x0 * (W x + b) + x with a matrix per layer, full or of low rank with experts.

Paper: Wang et al., "DCN V2: Improved Deep & Cross Network", WWW 2021. Cost: h*h per layer, or 2*h*r + r*r per expert.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.halves import Halves, linear


class CrossV2(nn.Module):
    """Cross network.

    Args:
        width: h.
        layers: how many.
        rank: of each matrix; 0 is a full matrix.
        experts: low-rank matrices per layer, mixed by a softmax gate.
    """

    def __init__(self, width: int, layers: int, *, rank: int = 0, experts: int = 1) -> None:
        super().__init__()
        make = (lambda: nn.Linear(width, width)) if rank == 0 else (lambda: LowRank(width, rank, experts))
        self.layers = nn.ModuleList(make() for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        """[B, ...] to [B, h]."""
        start = y = x.flatten(1)
        for layer in self.layers:
            y = start * layer(y) + y
        return y

    def halves(self, x: Halves) -> Tensor:
        """As `forward`; the request's part of the first layer once."""
        start, first = x.whole().flatten(1), self.layers[0]
        y = start * (linear(first, x) if isinstance(first, nn.Linear) else first(start)) + start
        for layer in list(self.layers)[1:]:
            y = start * layer(y) + y
        return y


class LowRank(nn.Module):
    """Sum over experts of gate * (U tanh(C tanh(V x)) + b): the part of a layer that multiplies x0."""

    def __init__(self, width: int, rank: int, experts: int) -> None:
        super().__init__()
        wide, narrow = width**-0.5, rank**-0.5
        self.down = nn.Parameter(torch.empty(experts, width, rank).uniform_(-wide, wide))
        self.core = nn.Parameter(torch.empty(experts, rank, rank).uniform_(-narrow, narrow))
        self.up = nn.Parameter(torch.empty(experts, rank, width).uniform_(-narrow, narrow))
        self.bias = nn.Parameter(torch.zeros(width))
        self.gate = nn.Linear(width, experts, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, h] to [B, h]."""
        inner = torch.tanh(torch.einsum("bh,ehr->ber", x, self.down))
        inner = torch.tanh(torch.einsum("ber,ers->bes", inner, self.core))
        each = torch.einsum("ber,erh->beh", inner, self.up) + self.bias
        return (torch.softmax(self.gate(x), dim=1).unsqueeze(2) * each).sum(1)
