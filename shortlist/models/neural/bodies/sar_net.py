"""Features turned by the scenario, shared experts and its own; see `SarNet`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.scenarios.transform import ScaleShift, ScenarioAttention
from shortlist.models.neural.blocks.tasks.parallel import Parallel
from shortlist.models.neural.blocks.tasks.towers import pick
from shortlist.models.neural.bodies.shape import Shape, told


class Body(nn.Module):
    """[B, F, D] and the scenario of each row, int64[B] or None, to logits [B, K]."""

    def __init__(
        self, shape: Shape, place: int, shared: Parallel, own: nn.Module, gates: nn.Module, towers: nn.Module,
        dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.place, self.shared, self.own, self.gates, self.towers = place, shared, own, gates, towers
        self.attention, self.turn = ScenarioAttention(shape.dim), ScaleShift(shape.slots, shape.width)
        self.outputs, self.slots, self.dropout = shape.outputs, shape.slots, Dropout(dropout)

    def forward(self, vectors: Tensor, slot: Tensor | None) -> Tensor:
        """See the class."""
        slot = told(slot)
        x = self.turn(self.attention(vectors, vectors[:, self.place]).flatten(1), slot)
        shared = self.shared(x)
        own = self.dropout(torch.relu(self.own(x, slot))).view(x.shape[0], -1, shared.shape[2])
        share = pick(self.gates(x).view(x.shape[0], self.outputs, self.slots, -1), slot)
        y: Tensor = self.towers(torch.bmm(share, torch.cat([shared, own], 1)), slot)
        return y
