"""Factorisation machine: weights of single codes and one inner product per pair of columns.

Paper: Rendle, "Factorization Machines", ICDM 2010.
Cost: D + 1 numbers per code; 2*F*D multiply-adds per row.
When not: where pairs of columns differ much in how they matter; `fwfm` and `ffm` tell them apart.
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
    """Settings of `FmRanker`."""

    learning_rate: float = Setting(default=0.002, gt=0)
    """Step size of Adam. Twice that of deep models needs half their passes and is as good on held-out rows."""


class FmRanker(FieldRanker):
    """A product for every pair of columns, cheap and hard to beat. Learned: see `FieldRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Pairs."""
        from shortlist.models.neural.blocks.fields.fm import Fm

        return Fm()
