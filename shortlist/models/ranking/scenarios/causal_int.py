"""In the manner of CausalInt: what holds in every scenario apart from what holds in one, and what others would say.

A shared network reads what is invariant, a layer per scenario what is its own, and a charge keeps the two at right
angles. What the layers of other scenarios would make of the row ("had it been shown there") is weighed by attention and
added, without teaching them.

Paper: Wang et al., "CausalInt: Causal Inspired Intervention for Multi-Scenario Recommendation", WSDM 2022. Its
inner and outer loop against conflicting gradients is not here: `balance = "pcgrad"` does that between tasks.
Cost: a network, S + 1 layers for every row, a tower per task and scenario.
When not: it has the most parts of its family; compare it with `star` first.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field as Setting
from torch import Tensor, nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.fields.mlp import Mlp
from shortlist.models.neural.blocks.scenarios.by_slot import SlotLayer
from shortlist.models.neural.blocks.tasks.towers import Towers
from shortlist.models.ranking.scenarios.base import ScenarioRanker, told
from shortlist.models.ranking.tasks.base import Shape, TaskConfig


class Config(TaskConfig):
    """Settings of `CausalInt`."""

    apart: float = Setting(default=0.1, ge=0)
    """Weight of the charge on what a scenario's own layer shares with the invariant network."""


class CausalInt(ScenarioRanker):
    """Invariant and own features, and what other scenarios would say. Learned: see `TaskRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def body(self, shape: Shape) -> nn.Module:
        """Both networks, the transfer, towers."""
        c = self.config
        trunk = Mlp(shape.width, c.hidden, dropout=c.dropout, norm=c.batch_norm, logit=False)
        own = SlotLayer(shape.slots, shape.width, trunk.width)
        towers = Towers(3 * trunk.width, c.towers, shape.outputs, shape.slots, dropout=c.dropout, norm=c.batch_norm)
        return _Body(shape, trunk, own, towers, trunk.width, c.apart, c.dropout)


class _Body(nn.Module):
    def __init__(
        self, shape: Shape, trunk: nn.Module, own: SlotLayer, towers: nn.Module, width: int, apart: float,
        dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.trunk, self.own, self.towers, self.apart = trunk, own, towers, apart
        self.ask, self.look = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.slots, self.dropout = shape.slots, Dropout(dropout)

    def forward(self, vectors: Tensor, slot: Tensor | None) -> tuple[Tensor, Tensor]:
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
