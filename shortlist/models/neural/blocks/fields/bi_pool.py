"""All pairwise products of fields, summed into one vector: half of (square of the sum - sum of the squares).

Paper: He and Chua, "Neural Factorization Machines for Sparse Predictive Analytics", SIGIR 2017. Cost: 2*F*D.
"""

from __future__ import annotations

from torch import Tensor, nn


class BiPool(nn.Module):
    """Bi-interaction pooling."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B, D]."""
        return 0.5 * (x.sum(1).square() - x.square().sum(1))
