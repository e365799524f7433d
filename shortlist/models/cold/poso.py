"""POSO: newcomers and regulars share a model but not its layers, because a small crowd is drowned by a large one.

The layers on top of the pooled history exist several times, and a gate that sees only how long the history is mixes
them. With one set of layers newcomers get the tastes of regulars, whose events are most of the log; the gate gives them
layers of their own while everything else is learned from everybody.

Paper: Dai et al., "POSO: Personalized Cold Start Modules for Large-scale Recommender Systems", 2021 (its module for
layers; here the personal feature is the length of the history so far).
Cost: `experts` times the layers of `two_tower`.
When not: users who all did about equally much; then it is `two_tower` with more weights.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.mean_pool import AttentionPool, MeanPool
from shortlist.models.sequential.base import Loss
from shortlist.models.towers.base import TowerConfig, TowerModel

STEPS = 10
"""Lengths of 1, 2, 3-4, 5-8, ... events are told apart, the last of them open."""


class Config(TowerConfig):
    """Settings of `Poso`."""

    pool: Literal["mean", "attention"] = "attention"
    """How events of a history become one vector."""
    experts: int = Field(default=3, ge=1, le=32)
    """Sets of layers."""
    user_hidden: int = Field(default=128, ge=1)
    """Size of the layer inside each."""
    loss: Loss = "auto"
    """auto is ce up to 50,000 items and sampled_ce above."""


class GatedLayers(nn.Module):
    """Pooled history through several sets of layers, mixed by the length of the history.

    Args:
        dim: D.
        pool: a running pool.
        experts: sets of layers.
        hidden: size inside each.
        dropout: on what enters them.
    """

    def __init__(self, dim: int, pool: nn.Module, *, experts: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.pool = pool
        self.dropout = Dropout(dropout)
        self.inner = nn.Linear(dim, experts * hidden)
        self.outer = nn.Parameter(torch.empty(experts, hidden, dim).normal_(std=hidden**-0.5))
        self.gate = nn.Embedding(STEPS, experts)
        nn.init.zeros_(self.gate.weight)
        self.experts = experts

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """See the package."""
        pooled = self.dropout(self.pool(x, mask))
        inside = torch.relu(self.inner(pooled)).view(*mask.shape, self.experts, -1)
        # Gates begin at 1, so training begins with the plain sum of all sets.
        weight = 2 * torch.sigmoid(self.gate(length_code(mask)))
        out: Tensor = pooled + torch.einsum("ble,bleh,ehd->bld", weight, inside, self.outer) / self.experts
        return out


def length_code(mask: Tensor) -> Tensor:
    """int64[B, L], the step of how many events there were up to each place."""
    count = mask.cumsum(dim=1).clamp(min=1)
    return torch.ceil(torch.log2(count.float())).long().clamp(max=STEPS - 1)


class Poso(TowerModel):
    """Layers by length of history. Learned: see `TowerModel`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def block(self) -> nn.Module:
        """A running pool and gated layers."""
        c = self.config
        pool = MeanPool(c.factors) if c.pool == "mean" else AttentionPool(c.factors)
        return GatedLayers(c.factors, pool, experts=c.experts, hidden=c.user_hidden, dropout=c.dropout)
