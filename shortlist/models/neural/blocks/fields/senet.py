"""Squeeze and excite: one gate per field from the means of all fields.

Paper: Huang et al., "FiBiNET: Combining Feature Importance and Bilinear Feature Interaction", RecSys 2019. Cost: F*F/r.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SeNet(nn.Module):
    """Scale each field by a gate that is not negative.

    Args:
        n_fields: F.
        reduction: the gate's hidden layer has F / reduction units, at least one.
    """

    def __init__(self, n_fields: int, reduction: int = 3) -> None:
        super().__init__()
        squeezed = max(1, n_fields // reduction)
        self.down, self.up = nn.Linear(n_fields, squeezed, bias=False), nn.Linear(squeezed, n_fields, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B, F, D]."""
        gate = torch.relu(self.up(torch.relu(self.down(x.mean(2)))))
        return x * gate.unsqueeze(2)
