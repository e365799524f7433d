"""FiBiNET: bilinear products of pairs, once of the vectors and once of the vectors scaled by learned gates, then deep.

Paper: Huang et al., "FiBiNET: Combining Feature Importance and Bilinear Feature Interaction", RecSys 2019.
Cost: D + 1 numbers per code; F*F*D*h multiply-adds for the first layer, by far the largest part.
When not: with more than some twenty columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field as Setting

from shortlist.models.base import ModelConfig
from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldConfig, FieldRanker

if TYPE_CHECKING:
    from torch import nn


class Config(FieldConfig):
    """Settings of `FibiNet`."""

    bilinear: Literal["all", "each", "pair"] = "all"
    """One matrix for all pairs, one per column, or one per pair."""
    reduction: int = Setting(default=3, ge=1, le=64)
    """How much narrower the gates' hidden layer is than the number of columns."""


class FibiNet(FieldRanker):
    """Gated columns and bilinear pairs feed a deep network. Learned: see `FieldRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Two sets of pairs, then deep."""
        from torch import nn

        from shortlist.models.neural.blocks.fields.bilinear import Bilinear
        from shortlist.models.neural.blocks.fields.mlp import Mlp
        from shortlist.models.neural.blocks.fields.senet import SeNet
        from shortlist.models.neural.blocks.fields.shapes import Flat, SideBySide

        c, n = self.config, len(fields)
        width = n * (n - 1) * c.factors + n * c.factors
        plain = Bilinear(n, c.factors, c.bilinear)
        gated = nn.Sequential(SeNet(n, c.reduction), Bilinear(n, c.factors, c.bilinear))
        deep = Mlp(width, c.hidden, dropout=c.dropout, norm=c.batch_norm)
        return nn.Sequential(SideBySide([Flat(), plain, gated]), deep)
