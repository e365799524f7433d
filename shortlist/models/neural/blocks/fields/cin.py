"""Compressed interaction network: products of whole vectors, layer by layer, each mixed down to a few maps.

Paper: Lian et al., "xDeepFM", KDD 2018. Cost: F*H*H*D per layer, the dearest of all field blocks; keep the maps few.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Cin(nn.Module):
    """Every layer multiplies its maps with the fields and mixes all products.

    Args:
        n_fields: F.
        maps: maps of each layer.
    """

    def __init__(self, n_fields: int, maps: Sequence[int]) -> None:
        super().__init__()
        before = [n_fields, *maps]
        self.mix = nn.ModuleList(nn.Linear(have * n_fields, want) for have, want in zip(before, maps, strict=False))
        self.width = sum(maps)

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B, sum of maps]."""
        maps, sums = x, []
        for mix in self.mix:
            products = (maps.unsqueeze(2) * x.unsqueeze(1)).flatten(1, 2)
            maps = torch.relu(mix(products.mT)).mT
            sums.append(maps.sum(2))
        return torch.cat(sums, dim=1)
