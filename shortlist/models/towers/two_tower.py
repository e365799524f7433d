"""Two towers: a network reads the user's history, another the item; they meet in one product.

The user's side pools the history (and columns of the user), the item's side reads id and columns, so items without
events are found by what they are. Learned by a softmax over the batch's own items and uniformly drawn ones, each
corrected by log Q from the training stream; items of the user's window are no negatives. Vectors have length 1, scores
are cosines, and the temperature belongs to them.

Papers: Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys 2019; Yang et
al., "Mixed Negative Sampling for Learning Two-Tower Neural Networks in Recommendations", WWW 2020.
Cost: the layers per event, and (events of a batch + negatives)*D per event for the softmax.
When not: catalogues of a few thousand items, where `ease` is better and fits in seconds; where order matters, a
sequence model.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.mean_pool import AttentionPool, MeanPool
from shortlist.models.towers.base import TowerConfig, TowerModel


class Config(TowerConfig):
    """Settings of `TwoTower`."""

    pool: Literal["mean", "attention"] = "attention"
    """How events of a history become one vector: equally, or by a learned weight."""
    user_hidden: tuple[int, ...] = (128,)
    """Layers on the user's side."""
    normalise: bool = True
    """Scores are cosines."""
    temperature: float = Field(default=0.1, gt=0)
    """Scores are divided by it in the loss; cosines do not train without one."""


class TwoTower(TowerModel):
    """Pooled history against items. Learned: see `TowerModel`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def block(self) -> nn.Module:
        """A running pool and layers."""
        c = self.config
        pool = MeanPool if c.pool == "mean" else AttentionPool
        return pool(c.factors, hidden=c.user_hidden, dropout=c.dropout)
