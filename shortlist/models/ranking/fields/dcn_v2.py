"""DCNv2: cross layers x0 * (W x + b) + x with a full matrix, or experts of low rank, beside a deep network.

Paper: Wang et al., "DCN V2: Improved Deep & Cross Network", WWW 2021.
Cost: D numbers per code; (F*D)^2 multiply-adds per cross layer, or 2*F*D*rank*experts.
When not: with very wide inputs take `rank`, or `gdcn` where most crosses are noise.
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
    """Settings of `DcnV2`."""

    layers: int = Setting(default=2, ge=1, le=16)
    """Cross layers."""
    rank: int = Setting(default=0, ge=0, le=4096)
    """Rank of each layer's matrices; 0 is a full matrix."""
    experts: int = Setting(default=1, ge=1, le=64)
    """Low-rank matrices per layer, mixed by a gate; read only with a rank."""


class DcnV2(FieldRanker):
    """Cross layers with a matrix each, full or of low rank with experts. Learned: see `FieldRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config
    linear: ClassVar[bool] = False

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Cross beside deep, one weight for each of their outputs."""
        from torch import nn

        from shortlist.models.neural.blocks.fields.cross_v2 import CrossV2
        from shortlist.models.neural.blocks.fields.mlp import Mlp
        from shortlist.models.neural.blocks.fields.shapes import SideBySide

        c, width = self.config, len(fields) * self.config.factors
        deep = Mlp(width, c.hidden, dropout=c.dropout, norm=c.batch_norm, logit=False)
        cross = CrossV2(width, c.layers, rank=c.rank, experts=c.experts)
        return nn.Sequential(SideBySide([cross, deep]), Mlp(width + deep.width, ()))
