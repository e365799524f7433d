"""Meta units: a layer whose matrix and bias are made from what is known of the scenario.

Paper: Zhang et al., "Leaving No One Behind: A Multi-Scenario Multi-Task Meta Learning Approach for Advertiser
Modeling", WSDM 2022 (M2M). Cost: z*h*out to make a layer, h*out to apply it, per row.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MetaUnit(nn.Module):
    """A layer per row, made from a condition.

    Args:
        width: of the input.
        out: of the output.
        condition: width of what the layer is made from.
    """

    def __init__(self, width: int, out: int, condition: int) -> None:
        super().__init__()
        self.width, self.out = width, out
        self.matrix, self.bias = nn.Linear(condition, width * out), nn.Linear(condition, out)
        # The made matrix starts with the spread of a plain layer's, which comes from the part without a condition.
        bound = width**-0.5
        nn.init.uniform_(self.matrix.bias, -bound, bound)
        nn.init.normal_(self.matrix.weight, std=0.3 * bound * condition**-0.5)
        nn.init.zeros_(self.bias.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """[B, h] or [B, n, h], and [B, z], to [B, out] or [B, n, out]."""
        matrix = self.matrix(condition).view(-1, self.width, self.out)
        rows = x if x.dim() == 3 else x.unsqueeze(1)
        y: Tensor = torch.bmm(rows, matrix) + self.bias(condition).unsqueeze(1)
        return y if x.dim() == 3 else y.squeeze(1)
