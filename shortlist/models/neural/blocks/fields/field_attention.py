"""Self-attention over fields with a residual, as in AutoInt.

Paper: Song et al., "AutoInt", CIKM 2019. Cost: 4*F*D*D + 2*F*F*D per layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FieldAttention(nn.Module):
    """Layers of relu(attention + W x).

    Args:
        dim: D of the input and of the layers.
        layers: how many.
        heads: must divide D.
    """

    def __init__(self, dim: int, *, layers: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.layers = nn.ModuleList(nn.Linear(dim, 4 * dim, bias=False) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B, F, D]."""
        for layer in self.layers:
            query, key, value, kept = layer(x).chunk(4, dim=2)
            query, key, value = (each.unflatten(2, (self.heads, -1)).transpose(1, 2) for each in (query, key, value))
            share = torch.softmax(query @ key.mT / query.shape[-1] ** 0.5, dim=-1)
            x = torch.relu((share @ value).transpose(1, 2).flatten(2) + kept)
        return x
