"""HMoE: experts are shared, each scenario has a gate and a tower, and a row's score mixes the towers of all scenarios.

Tasks of other scenarios are used in the space of labels: what their towers say of a row is weighed by a gate, and only
the row's own tower learns from it.

Paper: Li et al., "Improving Multi-Scenario Learning to Rank in E-commerce by Exploiting Task Relationships in the Label
Space", CIKM 2020.
Cost: E networks, S + 1 gates and towers, all of them for every row.
When not: with many scenarios, where most towers have nothing to say of a row.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field as Setting
from torch import Tensor, nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.tasks.gates import Gates
from shortlist.models.neural.blocks.tasks.parallel import Parallel
from shortlist.models.ranking.scenarios.base import ScenarioRanker, told
from shortlist.models.ranking.tasks.base import Shape, TaskConfig


class Config(TaskConfig):
    """Settings of `HMoe`."""

    experts: int = Setting(default=4, ge=1, le=64)
    """Networks that the scenarios mix."""
    hide_experts: float = Setting(default=0.1, ge=0, lt=1)
    """Chance that an expert is hidden from a row while training."""


class HMoe(ScenarioRanker):
    """Towers of all scenarios, mixed for each row. Learned: see `TaskRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def body(self, shape: Shape) -> nn.Module:
        """Experts, gates of scenarios, towers, and the mixture of what they say."""
        c = self.config
        experts = Parallel(c.experts, shape.width, c.hidden, dropout=c.dropout, norm=c.batch_norm)
        gates = Gates(shape.width, shape.slots, c.experts, hide=c.hide_experts)
        n = shape.slots * shape.outputs
        towers = Parallel(n, experts.width, c.towers, dropout=c.dropout, norm=c.batch_norm, logit=True)
        return _Body(shape, experts, gates, towers, self.place(shape))


class _Body(nn.Module):
    def __init__(self, shape: Shape, experts: nn.Module, gates: nn.Module, towers: nn.Module, place: int) -> None:
        super().__init__()
        self.experts, self.gates, self.towers = experts, gates, towers
        self.mix = nn.Linear(shape.width, shape.slots)
        self.slots, self.outputs = shape.slots, shape.outputs
        # At the start a row listens to its own tower: three times as much as to any other.
        self.own = nn.Parameter(torch.tensor(1.1))

    def forward(self, vectors: Tensor, slot: Tensor | None) -> Tensor:
        x, slot = vectors.flatten(1), told(slot)
        mixed = torch.bmm(self.gates(x), self.experts(x))
        said = self.towers(mixed.repeat_interleave(self.outputs, 1)).view(x.shape[0], self.slots, self.outputs)
        mine = (slot.unsqueeze(1) == torch.arange(self.slots, device=x.device)).to(x.dtype)
        said = said * mine.unsqueeze(2) + said.detach() * (1.0 - mine).unsqueeze(2)
        share = torch.softmax(self.mix(x) + self.own * mine, 1)
        return torch.bmm(share.unsqueeze(1), said).squeeze(1)
