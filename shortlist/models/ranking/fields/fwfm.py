"""Field-weighted factorisation machine: one inner product and one weight per pair of columns.

Paper: Pan et al., "Field-weighted Factorization Machines for Click-Through Rate Prediction", WWW 2018.
Cost: D + 1 numbers per code; F*F*D multiply-adds per row.
When not: with hundreds of columns, where most pairs are noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldRanker

if TYPE_CHECKING:
    from torch import nn


class FwFmRanker(FieldRanker):
    """A factorisation machine with a weight per pair of columns. Learned: see `FieldRanker`."""

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Weighted pairs."""
        from shortlist.models.neural.blocks.fields.fwfm import FwFm

        return FwFm(len(fields))
