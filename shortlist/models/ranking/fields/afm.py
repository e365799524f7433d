"""AFM: attention says how much each pair of columns counts in this row.

Paper: Xiao et al., "Attentional Factorization Machines", IJCAI 2017.
Cost: D + 1 numbers per code; F*F*D*A multiply-adds per row.
When not: seldom better than `fm` and slower; kept because people ask for it. Needs strong dropout.
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
    """Settings of `AfmRanker`."""

    attention: int = Setting(default=16, ge=1, le=1024)
    """Units of the attention layer."""
    dropout: float = Setting(default=0.5, ge=0, lt=1)
    """Share of the weighted sum hidden while training."""


class AfmRanker(FieldRanker):
    """Pairs weighted by attention. Learned: see `FieldRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Weighted pairs."""
        from shortlist.models.neural.blocks.fields.afm import Afm

        c = self.config
        return Afm(len(fields), c.factors, attention=c.attention, dropout=c.dropout)
