"""SimpleX: pooled history against items, one margin, and so many negatives that the loss does the work.

The user is the pooled history through one matrix, scores are cosines, and the cosine contrastive loss pulls the wanted
item to 1 and pushes each of several hundred drawn items below a margin; items far enough away cost nothing. The paper
mixes in a vector of each user: name the column `user_id` in `user_columns` for that; strangers go without.

Paper: Mao et al., "SimpleX: A Simple and Strong Baseline for Collaborative Filtering", CIKM 2021.
Cost: (events of a batch)*negatives*D multiply-adds per step.
When not: small catalogues, where `ease` is better within seconds.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from shortlist.models.base import ModelConfig
from shortlist.models.sequential.base import Loss
from shortlist.models.towers.two_tower import Config as TwoTowerConfig
from shortlist.models.towers.two_tower import TwoTower


class Config(TwoTowerConfig):
    """Settings of `SimpleX`."""

    loss: Loss = "ccl"
    """The cosine contrastive loss."""
    negative_sampling: Literal["uniform", "popularity", "in_batch", "mixed"] = "uniform"
    """Where negatives come from."""
    negatives: int = Field(default=500, ge=1)
    """Negatives per step, shared by the batch; several hundred, or the margin has little to choose from."""
    margin: float = Field(default=0.4, ge=-1, le=1)
    """Cosine below which a negative costs nothing."""
    negative_weight: float = Field(default=150.0, gt=0)
    """Weight of the mean over negatives against the wanted item."""
    pool: Literal["mean", "attention"] = "mean"
    """How events of a history become one vector."""
    user_hidden: tuple[int, ...] = ()
    """Layers on the user's side."""
    temperature: float = Field(default=1.0, gt=0)
    """The margin is one of cosines, so scores are not divided."""


class SimpleX(TwoTower):
    """Pooled history and a margin. Learned: see `TowerModel`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def loss_options(self, loss: str) -> dict[str, Any]:
        """Margin and weight of the negatives."""
        if loss == "ccl":
            return {"margin": self.config.margin, "negative_weight": self.config.negative_weight}
        return super().loss_options(loss)
