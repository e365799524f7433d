"""A matrix per scenario: each row is multiplied with that of its own.

While training, the rows of each scenario are multiplied apart, which costs one product in all. When answering, every
row is multiplied with all matrices and keeps its own: S times the work, but the shapes of a row's products do not
depend on its company.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def by_slot(x: Tensor, slot: Tensor, weight: Tensor, bias: Tensor, *, apart: bool) -> Tensor:
    """Rows times the matrix of their scenario.

    Args:
        x: [B, i].
        slot: int64[B], the scenario of each row.
        weight: [S, i, o].
        bias: [S, o].
        apart: whether the rows of each scenario are multiplied apart.

    Returns:
        [B, o].
    """
    if not apart:
        every = (x @ weight.transpose(0, 1).flatten(1)).view(x.shape[0], *bias.shape) + bias
        return every[torch.arange(x.shape[0], device=x.device), slot]
    order = torch.argsort(slot, stable=True)
    sizes = torch.bincount(slot, minlength=len(weight)).tolist()
    parts = torch.split(x[order], sizes)
    done = torch.cat([torch.addmm(bias[s], part, weight[s]) for s, part in enumerate(parts) if len(part)])
    return torch.empty_like(done).index_copy(0, order, done)


class SlotLayer(nn.Module):
    """A linear layer per scenario, nobody's included.

    Args:
        slots: S.
        width: of the input.
        out: of the output.
    """

    def __init__(self, slots: int, width: int, out: int) -> None:
        super().__init__()
        bound = width**-0.5
        self.weight = nn.Parameter(torch.empty(slots, width, out).uniform_(-bound, bound))
        # One axis only: weight decay takes what has two for a matrix.
        self.bias = nn.Parameter(torch.zeros(slots * out))

    def forward(self, x: Tensor, slot: Tensor) -> Tensor:
        """[B, i] and int64[B] to [B, o]."""
        bias = self.bias.view(len(self.weight), -1)
        return by_slot(x, slot, self.weight, bias, apart=self.training)

    def all(self, x: Tensor) -> Tensor:
        """[B, i], the same for every scenario, or [B, S, i], to [B, S, o]: what each would make of each row."""
        bias = self.bias.view(len(self.weight), -1)
        if x.dim() == 2:
            return (x @ self.weight.transpose(0, 1).flatten(1)).view(x.shape[0], *bias.shape) + bias
        return torch.bmm(x.transpose(0, 1), self.weight).transpose(0, 1) + bias
