"""Wukong: layers that make new columns of the products of old ones, so that degrees double; made to grow.

Paper: Zhang et al., "Wukong: Towards a Scaling Law for Large-Scale Recommendation", ICML 2024.
Cost: D numbers per code; F*k*D + F*k*h multiply-adds per layer.
When not: on small data, where one layer of pairs is enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from shortlist.models.base import ModelConfig
from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldConfig, FieldRanker

if TYPE_CHECKING:
    from torch import nn


class Config(FieldConfig):
    """Settings of `WuKong`."""

    layers: int = Setting(default=2, ge=1, le=16)
    """Stacked machines."""
    rank: int = Setting(default=8, ge=1, le=1024)
    """Mixtures of columns that each column is multiplied with."""


class WuKong(FieldRanker):
    """Factorisation machines stacked layer on layer. Learned: see `FieldRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config
    linear: ClassVar[bool] = False

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Stacked machines, then deep."""
        from torch import nn

        from shortlist.models.neural.blocks.fields.mlp import Mlp
        from shortlist.models.neural.blocks.fields.wukong import WukongLayer

        c, n = self.config, len(fields)
        width, inner = n * c.factors, (c.hidden or (64,))[0]
        made = max(1, n // 2)
        stack = [WukongLayer(n, c.factors, made=made, rank=c.rank, hidden=inner) for _ in range(c.layers)]
        return nn.Sequential(*stack, Mlp(width, c.hidden, dropout=c.dropout, norm=c.batch_norm))
