"""FM retrieval: a factorisation machine whose products of user and item are one product of two sums.

The terms of a factorisation machine between the user's codes (past items, columns) and the item's (id, columns) add up
to the product of two sums of vectors, so an index finds its best items. What concerns the item alone (its own weights
and the products within it) is one learned number per item, and what concerns the user alone changes no order.

Papers: Rendle, "Factorization Machines", ICDM 2010; the cut for retrieval is common practice in industry.
Cost: one vector per code, added up; no layers.
When not: without columns it is a plain factorisation of next items; `two_tower` has layers on top.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.mean_pool import MeanPool
from shortlist.models.sequential.base import Loss
from shortlist.models.towers.base import TowerConfig, TowerModel


class Config(TowerConfig):
    """Settings of `FmRetrieval`."""

    loss: Loss = "auto"
    """auto is ce up to 50,000 items and sampled_ce above."""
    fusion: Literal["sum", "concat", "weighted", "attention", "gated", "bilinear"] = "sum"
    """An item's vector is the sum of those of its codes; anything else is no factorisation machine."""
    item_bias: bool = True
    """The item's own terms."""


class FmRetrieval(TowerModel):
    """Two sums of vectors and an item's number. Learned: see `TowerModel`."""

    Config: ClassVar[type[ModelConfig]] = Config
    with_norm: ClassVar[bool] = False

    def block(self) -> nn.Module:
        """The mean of the past: a field of many codes, each weighing the same."""
        return MeanPool(self.config.factors)
