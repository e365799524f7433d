"""IPNN: a deep network reads all vectors and the inner product of every pair.

Paper: Qu et al., "Product-based Neural Networks for User Response Prediction", ICDM 2016.
Cost: D numbers per code; F*F*D for the products, (F*D + F*F/2)*h for the first layer.
When not: with hundreds of columns, where the pairs outgrow everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldRanker

if TYPE_CHECKING:
    from torch import nn


class Ipnn(FieldRanker):
    """Inner products of all pairs feed a deep network. Learned: see `FieldRanker`."""

    linear: ClassVar[bool] = False

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Vectors and products, then deep."""
        from torch import nn

        from shortlist.models.neural.blocks.fields.inner_product import InnerProduct
        from shortlist.models.neural.blocks.fields.mlp import Mlp
        from shortlist.models.neural.blocks.fields.shapes import Flat, SideBySide

        c, n = self.config, len(fields)
        width = n * c.factors + n * (n - 1) // 2
        deep = Mlp(width, c.hidden, dropout=c.dropout, norm=c.batch_norm)
        return nn.Sequential(SideBySide([Flat(), InnerProduct(n)]), deep)
