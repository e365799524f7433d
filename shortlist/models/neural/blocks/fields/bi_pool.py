"""All pairwise products of fields, summed into one vector: half of (square of the sum - sum of the squares).

Paper: He and Chua, "Neural Factorization Machines for Sparse Predictive Analytics", SIGIR 2017. Cost: 2*F*D.
"""

from __future__ import annotations

from torch import Tensor, nn

from shortlist.models.neural.halves import Halves


class BiPool(nn.Module):
    """Bi-interaction pooling."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B, D]."""
        return 0.5 * (x.sum(1).square() - x.square().sum(1))

    def halves(self, x: Halves) -> Tensor:
        """As `forward`; the request's sums once."""
        total = x.own.sum(1) + x.once.sum(1).index_select(0, x.row)
        squares = x.own.square().sum(1) + x.once.square().sum(1).index_select(0, x.row)
        return 0.5 * (total.square() - squares)
