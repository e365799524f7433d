"""AutoInt+: columns attend to each other, a deep network stands beside them; logits are added.

Paper: Song et al., "AutoInt: Automatic Feature Interaction Learning via Self-Attentive Neural Networks", CIKM 2019.
Cost: D + 1 numbers per code; 4*F*D*D + 2*F*F*D multiply-adds per layer.
When not: without the deep half (`hidden = []` leaves it one layer) it falls far behind; that is why this is the plus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from shortlist.core.errors import BadConfig
from shortlist.models.base import ModelConfig
from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldConfig, FieldRanker

if TYPE_CHECKING:
    from torch import nn


class Config(FieldConfig):
    """Settings of `AutoInt`."""

    layers: int = Setting(default=2, ge=1, le=16)
    """Attention layers."""
    heads: int = Setting(default=2, ge=1, le=64)
    """Heads per layer; must divide `factors`."""


class AutoInt(FieldRanker):
    """Attention between columns, beside a deep network. Learned: see `FieldRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Attention beside the deep network."""
        from torch import nn

        from shortlist.models.neural.blocks.fields.field_attention import FieldAttention
        from shortlist.models.neural.blocks.fields.mlp import Mlp
        from shortlist.models.neural.blocks.fields.shapes import Together

        c, width = self.config, len(fields) * self.config.factors
        if c.factors % c.heads:
            raise BadConfig(f"{c.heads} heads do not divide {c.factors} factors.", field="heads")
        attention = FieldAttention(c.factors, layers=c.layers, heads=c.heads)
        return Together(
            [nn.Sequential(attention, Mlp(width, ())), Mlp(width, c.hidden, dropout=c.dropout, norm=c.batch_norm)]
        )
