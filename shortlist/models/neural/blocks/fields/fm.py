"""Factorisation machine: the sum of inner products of all pairs of fields.

Paper: Rendle, "Factorization Machines", ICDM 2010. Cost: 2*F*D.
"""

from __future__ import annotations

from torch import Tensor

from shortlist.models.neural.blocks.fields.bi_pool import BiPool
from shortlist.models.neural.halves import Halves


class Fm(BiPool):
    """Pairs of fields as one logit."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B]."""
        return super().forward(x).sum(1)

    def halves(self, x: Halves) -> Tensor:
        """As `forward`."""
        return super().halves(x).sum(1)
