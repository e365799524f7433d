"""DCN: cross layers raise the degree of products one by one, a deep network stands beside them.

Paper: Wang et al., "Deep & Cross Network for Ad Click Predictions", ADKDD 2017.
Cost: D numbers per code; 2*F*D per cross layer, F*D*h for the first deep layer.
When not: `dcn_v2` crosses more with a matrix per layer.
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
    """Settings of `Dcn`."""

    layers: int = Setting(default=3, ge=1, le=16)
    """Cross layers."""


class Dcn(FieldRanker):
    """Cross layers with a weight vector each, beside a deep network. Learned: see `FieldRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config
    linear: ClassVar[bool] = False

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Cross beside deep, one weight for each of their outputs."""
        from torch import nn

        from shortlist.models.neural.blocks.fields.cross_v1 import CrossV1
        from shortlist.models.neural.blocks.fields.mlp import Mlp
        from shortlist.models.neural.blocks.fields.shapes import SideBySide

        c, width = self.config, len(fields) * self.config.factors
        deep = Mlp(width, c.hidden, dropout=c.dropout, norm=c.batch_norm, logit=False)
        return nn.Sequential(SideBySide([CrossV1(width, c.layers), deep]), Mlp(width + deep.width, ()))
