"""DIEN: interests are states of a GRU over the past, and a second GRU follows those that concern the candidate.

An auxiliary loss makes each state tell the next event from an item that the user did not have.
Paper: Zhou et al., "Deep Interest Evolution Network for Click-Through Rate Prediction", AAAI 2019.
Cost: 12*D^2 multiply-adds per event, one event after another; several times `din`.
When not: where latency counts; published gains over `din` are small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from shortlist.models.base import ModelConfig
from shortlist.models.ranking.behaviour.base import BehaviourConfig, BehaviourRanker

if TYPE_CHECKING:
    from shortlist.models.neural.blocks.behaviour.past import Reader


class Config(BehaviourConfig):
    """Settings of `Dien`."""

    next_weight: float = Setting(default=0.5, ge=0)
    """Weight of the loss of the next event."""


class Dien(BehaviourRanker):
    """A GRU over the past and one that follows what concerns the candidate. Learned: see `BehaviourRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def next_weight(self) -> float:
        """Of the configuration."""
        return float(self.config.next_weight)

    def reader(self, dim: int) -> Reader | None:
        """Interest extraction and evolution."""
        from shortlist.models.neural.blocks.behaviour.evolution import InterestEvolution

        return InterestEvolution(dim)
