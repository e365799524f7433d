"""Towers of all scenarios, mixed for each row; see `HMoe`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.bodies.shape import Shape, told


class Body(nn.Module):
    """[B, F, D] and the scenario of each row, int64[B] or None, to logits [B, K]."""

    def __init__(self, shape: Shape, experts: nn.Module, gates: nn.Module, towers: nn.Module, place: int) -> None:
        super().__init__()
        self.experts, self.gates, self.towers = experts, gates, towers
        self.mix = nn.Linear(shape.width, shape.slots)
        self.slots, self.outputs = shape.slots, shape.outputs
        # At the start a row listens to its own tower: three times as much as to any other.
        self.own = nn.Parameter(torch.tensor(1.1))

    def forward(self, vectors: Tensor, slot: Tensor | None) -> Tensor:
        """See the class."""
        x, slot = vectors.flatten(1), told(slot)
        mixed = torch.bmm(self.gates(x), self.experts(x))
        said = self.towers(mixed.repeat_interleave(self.outputs, 1)).view(x.shape[0], self.slots, self.outputs)
        mine = (slot.unsqueeze(1) == torch.arange(self.slots, device=x.device)).to(x.dtype)
        said = said * mine.unsqueeze(2) + said.detach() * (1.0 - mine).unsqueeze(2)
        share = torch.softmax(self.mix(x) + self.own * mine, 1)
        return torch.bmm(share.unsqueeze(1), said).squeeze(1)
