"""What holds everywhere, what holds here and what others would say; see `CausalInt`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.scenarios.by_slot import SlotLayer
from shortlist.models.neural.bodies.shape import Shape, told


class Body(nn.Module):
    """[B, F, D] and the scenario of each row, int64[B] or None, to logits [B, K]."""

    def __init__(
        self, shape: Shape, trunk: nn.Module, own: SlotLayer, towers: nn.Module, width: int, apart: float,
        dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.trunk, self.own, self.towers, self.apart = trunk, own, towers, apart
        self.ask, self.look = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.slots, self.dropout = shape.slots, Dropout(dropout)

    def forward(self, vectors: Tensor, slot: Tensor | None) -> tuple[Tensor, Tensor]:
        """See the class."""
        x, slot = vectors.flatten(1), told(slot)
        invariant = self.trunk(x)
        every = torch.relu(self.own.all(x))
        mine = (slot.unsqueeze(1) == torch.arange(self.slots, device=x.device)).to(x.dtype)
        own = torch.bmm(mine.unsqueeze(1), every).squeeze(1)
        others = every.detach()
        logit = torch.bmm(self.look(others), self.ask(invariant).unsqueeze(2)).squeeze(2) * others.shape[2] ** -0.5
        # Nobody's scenario is no other scenario; with one scenario there is none at all, and nothing is added.
        other = 1.0 - mine
        other = torch.cat([torch.zeros_like(other[:, :1]), other[:, 1:]], 1)
        share = torch.softmax(logit.masked_fill(other == 0, -1e9), 1) * other
        moved = torch.bmm(share.unsqueeze(1), others).squeeze(1)
        y: Tensor = self.towers(torch.cat([invariant, self.dropout(own), self.dropout(moved)], 1), slot)
        alike = torch.nn.functional.cosine_similarity(invariant, own, dim=1, eps=1e-6)
        return y, self.apart * alike.square().mean()
