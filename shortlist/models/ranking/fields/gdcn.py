"""GDCN: cross layers whose gates let through only crosses that help, beside a deep network.

Paper: Wang et al., "Towards Deeper, Lighter and Interpretable Cross Network for CTR Prediction", CIKM 2023.
Cost: D numbers per code; 2*(F*D)^2 multiply-adds per cross layer.
When not: with two layers `dcn_v2` is as good for half the time; gates pay with many layers.
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
    """Settings of `Gdcn`."""

    layers: int = Setting(default=3, ge=1, le=16)
    """Gated cross layers."""


class Gdcn(FieldRanker):
    """Cross layers with gates that drop what does not help. Learned: see `FieldRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config
    linear: ClassVar[bool] = False

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Cross beside deep, one weight for each of their outputs."""
        from torch import nn

        from shortlist.models.neural.blocks.fields.gdcn import GatedCross
        from shortlist.models.neural.blocks.fields.mlp import Mlp
        from shortlist.models.neural.blocks.fields.shapes import SideBySide

        c, width = self.config, len(fields) * self.config.factors
        deep = Mlp(width, c.hidden, dropout=c.dropout, norm=c.batch_norm, logit=False)
        return nn.Sequential(SideBySide([GatedCross(width, c.layers), deep]), Mlp(width + deep.width, ()))
