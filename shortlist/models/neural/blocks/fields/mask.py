"""Instance mask: features multiplied by a mask that a small network makes of all fields.

Paper: Wang et al., "MaskNet", DLP-KDD 2021. Cost: h*r*h for the mask, h*out for the layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MaskBlock(nn.Module):
    """relu(norm(W (mask * features))).

    Args:
        context: width of what the mask is made of.
        width: of the features.
        out: of the result.
        widening: the mask's hidden layer has context * widening units.
    """

    def __init__(self, context: int, width: int, out: int, widening: float = 1.0) -> None:
        super().__init__()
        inner = max(1, round(context * widening))
        self.mask = nn.Sequential(nn.Linear(context, inner), nn.ReLU(), nn.Linear(inner, width))
        self.layer, self.norm = nn.Linear(width, out, bias=False), nn.LayerNorm(out)

    def forward(self, context: Tensor, features: Tensor) -> Tensor:
        """[B, context] and [B, width] to [B, out]."""
        return torch.relu(self.norm(self.layer(self.mask(context) * features)))


class ParallelMasks(nn.Module):
    """Several blocks over the normalised fields, side by side.

    Args:
        n_fields: F.
        dim: D.
        blocks: how many.
        out: width of each.
    """

    def __init__(self, n_fields: int, dim: int, *, blocks: int, out: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(MaskBlock(n_fields * dim, n_fields * dim, out) for _ in range(blocks))
        self.width = blocks * out

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B, blocks * out]."""
        context, features = x.flatten(1), self.norm(x).flatten(1)
        return torch.cat([block(context, features) for block in self.blocks], dim=1)
