"""NeuMF: the products of two columns' vectors, user and item, beside a deep network over all columns.

Paper: He et al., "Neural Collaborative Filtering", WWW 2017; here both halves share vectors, and further columns join
the deep half.
Cost: D numbers per code; D multiply-adds for the products, F*D*h for the first deep layer.
When not: with more than user and item, `deepfm` has all pairs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shortlist.models.base import ModelConfig
from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldConfig, FieldRanker

if TYPE_CHECKING:
    from torch import nn


class Config(FieldConfig):
    """Settings of `NeuMf`."""

    pair: tuple[str, str] | None = None
    """The two columns to multiply; None takes the first two id columns, or the first two columns."""


class NeuMf(FieldRanker):
    """Products of user and item beside a deep network. Learned: see `FieldRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config
    linear: ClassVar[bool] = False

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Products beside deep, one weight for each of their outputs."""
        from torch import nn

        from shortlist.models.neural.blocks.fields.gmf import Gmf
        from shortlist.models.neural.blocks.fields.mlp import Mlp
        from shortlist.models.neural.blocks.fields.shapes import SideBySide

        c, width = self.config, len(fields) * self.config.factors
        names = list(c.pair or (c.id_columns if len(c.id_columns) > 1 else self.columns_))[:2]
        one, two = (self.places(fields, [name])[0] for name in (names[0], names[-1]))
        deep = Mlp(width, c.hidden, dropout=c.dropout, norm=c.batch_norm, logit=False)
        return nn.Sequential(SideBySide([Gmf(one, two), deep]), Mlp(c.factors + deep.width, ()))
