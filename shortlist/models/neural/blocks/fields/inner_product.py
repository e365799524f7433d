"""Inner products of all pairs of fields, each a feature; never of a field with itself.

Papers: Qu et al., "Product-based Neural Networks for User Response Prediction", ICDM 2016 (IPNN); Naumov et al.,
"Deep Learning Recommendation Model", 2019 (DLRM's dot). Cost: F*F*D.
"""

from __future__ import annotations

from torch import Tensor, nn

from shortlist.models.neural.blocks.fields.shapes import pairs


class InnerProduct(nn.Module):
    """One number per pair."""

    pairs: Tensor

    def __init__(self, n_fields: int) -> None:
        super().__init__()
        self.register_buffer("pairs", pairs(n_fields), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B, F(F-1)/2]."""
        i, j = self.pairs
        return (x @ x.mT)[:, i, j]
