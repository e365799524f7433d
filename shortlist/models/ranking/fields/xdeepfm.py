"""xDeepFM: logits of single codes, of a compressed interaction network over vectors, and of a deep network are added.

Paper: Lian et al., "xDeepFM: Combining Explicit and Implicit Feature Interactions", KDD 2018.
Cost: D + 1 numbers per code; F*H*H*D multiply-adds per layer of H maps: the slowest of the family.
When not: `dcn_v2` reaches the same for less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveInt

from shortlist.models.base import ModelConfig
from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldConfig, FieldRanker

if TYPE_CHECKING:
    from torch import nn


class Config(FieldConfig):
    """Settings of `XDeepFm`."""

    maps: tuple[PositiveInt, ...] = (16, 16)
    """Maps of each interaction layer."""


class XDeepFm(FieldRanker):
    """Products of whole vectors layer by layer; slow. Learned: see `FieldRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Interactions beside the deep network."""
        from torch import nn

        from shortlist.models.neural.blocks.fields.cin import Cin
        from shortlist.models.neural.blocks.fields.mlp import Mlp
        from shortlist.models.neural.blocks.fields.shapes import Together

        c, width = self.config, len(fields) * self.config.factors
        cin = Cin(len(fields), c.maps)
        return Together(
            [nn.Sequential(cin, Mlp(cin.width, ())), Mlp(width, c.hidden, dropout=c.dropout, norm=c.batch_norm)]
        )
