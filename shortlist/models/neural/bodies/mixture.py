"""Experts for all tasks, gates that mix them, and towers; see `Mmoe` and `Omoe`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.tasks.towers import pick


class Mixture(nn.Module):
    """Experts, G gates over them per scenario, and towers."""

    def __init__(self, experts: nn.Module, gates: nn.Module, towers: nn.Module, gated: int, slots: int) -> None:
        super().__init__()
        self.experts, self.gates, self.towers = experts, gates, towers
        self.gated, self.slots = gated, slots

    def forward(self, vectors: Tensor, slot: Tensor | None) -> Tensor:
        """[B, F, D] to [B, T]."""
        x = vectors.flatten(1)
        shares = self.gates(x)
        share = pick(shares.view(x.shape[0], self.gated, self.slots, -1), slot)
        mixed = torch.bmm(share, self.experts(x))
        y: Tensor = self.towers(mixed.squeeze(1) if self.gated == 1 else mixed, slot)
        return y
