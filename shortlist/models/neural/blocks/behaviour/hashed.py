"""Hashed attention: events that fall into the candidate's bucket are added up, over many random bucketings.

An event at angle a from the candidate shares a bucket of `width` sign bits with probability (1 - a / pi)^width: so the
mean over bucketings is an attention whose weights need no product of vectors.
Paper: Cao et al., "Sampling Is All You Need on Modeling Long-Term User Behaviors for CTR Prediction", CIKM 2022.
Cost: D*groups*width multiply-adds per event once per past, and L*groups comparisons per candidate.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.behaviour.past import Past, Reader
from shortlist.models.neural.blocks.behaviour.search import hash_bits


class HashedAttention(Reader):
    """Sums of colliding events, averaged over bucketings.

    Args:
        dim: D.
        groups: bucketings.
        width: bits per bucketing.
        normalise: whether each sum has length one, as published; otherwise weights are collision rates.
    """

    directions: Tensor
    powers: Tensor

    def __init__(self, dim: int, *, groups: int = 16, width: int = 3, normalise: bool = True) -> None:
        super().__init__()
        self.groups, self.normalise, self.width = groups, normalise, dim
        self.register_buffer("directions", torch.randn(dim, groups * width))
        self.register_buffer("powers", 2 ** torch.arange(width))

    def forward(self, past: Past, target: Tensor) -> Tensor:
        """See the package."""
        same = (self.buckets(past.x) == self.buckets(target).unsqueeze(1)) & past.mask.unsqueeze(-1)
        found = torch.einsum("blg,bld->bgd", same.to(past.x.dtype), past.x)
        if self.normalise:
            found = nn.functional.normalize(found, dim=-1)
        return found.mean(1)

    def buckets(self, x: Tensor) -> Tensor:
        """[..., D] to int64[..., groups]."""
        bits = hash_bits(x, self.directions).view(*x.shape[:-1], self.groups, -1)
        numbers: Tensor = (bits * self.powers).sum(-1)
        return numbers
