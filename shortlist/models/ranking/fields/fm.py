"""Factorisation machine: weights of single codes and one inner product per pair of columns.

Paper: Rendle, "Factorization Machines", ICDM 2010.
Cost: D + 1 numbers per code; 2*F*D multiply-adds per row.
When not: where pairs of columns differ much in how they matter; `fwfm` and `ffm` tell them apart.
"""

from __future__ import annotations

from torch import nn

from shortlist.models.neural.blocks.fields.fm import Fm
from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldRanker


class FmRanker(FieldRanker):
    """A product for every pair of columns, cheap and hard to beat. Learned: see `FieldRanker`."""

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Pairs."""
        return Fm()
