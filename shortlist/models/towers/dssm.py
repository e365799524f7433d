"""DSSM: two deep towers, cosine and temperature; `two_tower` with layers on both sides and plain means.

Paper: Huang et al., "Learning Deep Structured Semantic Models for Web Search using Clickthrough Data", CIKM 2013.
Cost: as `two_tower`, and the item's layers per item.
When not: without columns, the item's layers have nothing to say that the id does not: take `two_tower`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from shortlist.models.base import ModelConfig
from shortlist.models.towers.two_tower import Config as TwoTowerConfig
from shortlist.models.towers.two_tower import TwoTower


class Config(TwoTowerConfig):
    """Settings of `Dssm`."""

    pool: Literal["mean", "attention"] = "mean"
    """How events of a history become one vector."""
    item_hidden: tuple[int, ...] = (128,)
    """Layers on the item's side."""
    temperature: float = Field(default=0.05, gt=0)
    """Scores are divided by it in the loss."""


class Dssm(TwoTower):
    """Layers on both sides. Learned: see `TowerModel`."""

    Config: ClassVar[type[ModelConfig]] = Config
