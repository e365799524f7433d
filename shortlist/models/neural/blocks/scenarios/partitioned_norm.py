"""Partitioned norm: batch norm whose figures are those of the row's own scenario.

A norm over a mixed batch shifts each scenario by what the others look like, and by how many of them happen to be in the
batch. Here every scenario has running figures of its own, also for answering; nobody's scenario has those of all rows.
A scenario with a single row in a batch is normed by its running figures.

Paper: Sheng et al., CIKM 2021 (STAR). Cost: that of a batch norm.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

MOMENTUM = 0.1
"""Weight of a batch in the running figures."""
EPS = 1e-5


class PartitionedNorm(nn.Module):
    """Norm per scenario, with a shared scale and shift and what each scenario adds to them.

    Args:
        slots: scenarios and nobody's.
        width: of the input.
    """

    mean: Tensor
    var: Tensor

    def __init__(self, slots: int, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.shift = nn.Parameter(torch.zeros(width))
        # One axis only: weight decay takes what has two for a matrix.
        self.own_scale = nn.Parameter(torch.zeros(slots * width))
        self.own_shift = nn.Parameter(torch.zeros(slots * width))
        self.register_buffer("mean", torch.zeros(slots, width))
        self.register_buffer("var", torch.ones(slots, width))

    def forward(self, x: Tensor, slot: Tensor) -> Tensor:
        """[B, h] and int64[B] to [B, h]."""
        mean, var = self.mean, self.var
        if self.training:
            mean, var = self._of_batch(x, slot)
        slots = len(self.mean)
        # Nobody's scenario adds nothing to the shared scale and shift.
        own = torch.arange(slots, device=x.device)[:, None] > 0
        scale = self.scale * (1.0 + self.own_scale.view(slots, -1) * own)
        shift = self.shift + self.own_shift.view(slots, -1) * own
        normed = (x - mean[slot]) / (var[slot] + EPS).sqrt()
        return normed * scale[slot] + shift[slot]

    def _of_batch(self, x: Tensor, slot: Tensor) -> tuple[Tensor, Tensor]:
        """[S, h] figures of the batch, running ones where it has too few rows; moves the running ones."""
        slots = len(self.mean)
        member = nn.functional.one_hot(slot, slots).to(x.dtype)
        member = torch.cat([torch.ones_like(member[:, :1]), member[:, 1:]], 1)
        count = member.sum(0)[:, None]
        mean = member.T @ x / count.clamp_min(1)
        var = (member.T @ x.square() / count.clamp_min(1) - mean.square()).clamp_min(0)
        enough = count > 1
        with torch.no_grad():
            fair = var * count / (count - 1).clamp_min(1)
            self.mean.copy_(torch.where(enough, self.mean.lerp(mean, MOMENTUM), self.mean))
            self.var.copy_(torch.where(enough, self.var.lerp(fair, MOMENTUM), self.var))
        return torch.where(enough, mean, self.mean), torch.where(enough, var, self.var)
