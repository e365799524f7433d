"""Field-aware products: every field has another vector for each field it meets.

Paper: Juan et al., "Field-aware Factorization Machines for CTR Prediction", RecSys 2016. Cost: F*F*D numbers per row.
"""

from __future__ import annotations

from torch import Tensor, nn

from shortlist.models.neural.blocks.fields.shapes import pairs


class Ffm(nn.Module):
    """Sum over pairs of <vector of i for j, vector of j for i>."""

    pairs: Tensor

    def __init__(self, n_fields: int) -> None:
        super().__init__()
        self.n_fields = n_fields
        self.register_buffer("pairs", pairs(n_fields), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, F*d], F vectors per field, to [B]."""
        meets = x.view(*x.shape[:2], self.n_fields, -1)
        i, j = self.pairs
        y: Tensor = (meets[:, i, j] * meets[:, j, i]).sum((1, 2))
        return y
