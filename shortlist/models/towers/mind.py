"""MIND: a history becomes several interest vectors by capsule routing; a user with more history has more of them.

Routing starts from random logits that are no parameters and are drawn anew at every training step; nothing is summed
over the batch; a history of n events has log2(n) interests, at most K. A list is the union of one search per interest.

Paper: Li et al., "Multi-Interest Network with Dynamic Routing for Recommendation at Tmall", CIKM 2019.
Cost: L*D^2 + rounds*K*L*D multiply-adds per history; K searches per request.
When not: `comirec` reads interests by attention, simpler and as good; short histories have one interest anyway.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.capsule import Capsules
from shortlist.models.towers._interests import InterestConfig, InterestModel


class Config(InterestConfig):
    """Settings of `Mind`."""

    rounds: int = Field(default=3, ge=1)
    """Of routing."""
    hidden: int = Field(default=128, ge=1)
    """Size of the layer each interest passes through."""


class RoutedInterests(nn.Module):
    """Capsules and a layer that all interests share; an interest a user does not have stays zero."""

    def __init__(self, dim: int, interests: int, rounds: int, max_len: int, hidden: int) -> None:
        super().__init__()
        self.capsules = Capsules(dim, interests=interests, rounds=rounds, max_len=max_len)
        self.top = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, dim))

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """[B, L, D] to [B, K, D]."""
        held = self.capsules.held(mask).unsqueeze(-1)
        out: Tensor = self.top(self.capsules(x, mask)) * held
        return out


class Mind(InterestModel):
    """Capsule routing. Learned: see `SequenceModel`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def block(self) -> nn.Module:
        """Capsules."""
        c = self.config
        return RoutedInterests(c.factors, c.interests, c.rounds, c.max_len, c.hidden)
