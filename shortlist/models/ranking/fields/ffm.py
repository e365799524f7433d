"""Field-aware factorisation machine: a code has another vector for each column it is multiplied with.

Paper: Juan et al., "Field-aware Factorization Machines for CTR Prediction", RecSys 2016.
Cost: F*d + 1 numbers per code, F times those of `fm`, so `factors` is small; F*F*d multiply-adds per row.
When not: with dozens of columns, or many codes; overfits within a few epochs.
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
    """Settings of `FfmRanker`."""

    factors: int = Setting(default=4, ge=1, le=1024)
    """Numbers per vector and column met."""


class FfmRanker(FieldRanker):
    """Pairs with another vector for each column they meet. Learned: see `FieldRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def dim(self, n_fields: int) -> int:
        """One vector for each column that may be met."""
        return n_fields * int(self.config.factors)

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Pairs, field by field."""
        from shortlist.models.neural.blocks.fields.ffm import Ffm

        return Ffm(len(fields))
