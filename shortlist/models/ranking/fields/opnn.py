"""OPNN: a deep network reads all vectors and the outer product of their sum with itself.

Paper: Qu et al., "Product-based Neural Networks for User Response Prediction", ICDM 2016.
Cost: D numbers per code; (F*D + D*D)*h multiply-adds for the first layer, whatever the number of pairs.
When not: with few columns `ipnn` keeps the pairs apart for less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldRanker

if TYPE_CHECKING:
    from torch import nn


class Opnn(FieldRanker):
    """The outer product of all columns feeds a deep network. Learned: see `FieldRanker`."""

    linear: ClassVar[bool] = False

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Vectors and products, then deep."""
        from torch import nn

        from shortlist.models.neural.blocks.fields.mlp import Mlp
        from shortlist.models.neural.blocks.fields.outer_product import OuterProduct
        from shortlist.models.neural.blocks.fields.shapes import Flat, SideBySide

        c, n = self.config, len(fields)
        width = n * c.factors + c.factors**2
        deep = Mlp(width, c.hidden, dropout=c.dropout, norm=c.batch_norm)
        return nn.Sequential(SideBySide([Flat(), OuterProduct()]), deep)
