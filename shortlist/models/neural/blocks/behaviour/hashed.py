"""Hashed attention: events that fall into the candidate's bucket are added up, over many random bucketings.

An event at angle a from the candidate shares a bucket of `width` sign bits with probability (1 - a / pi)^width: so the
mean over bucketings is an attention whose weights need no product of vectors.
Paper: Cao et al., "Sampling Is All You Need on Modeling Long-Term User Behaviors for CTR Prediction", CIKM 2022.
Cost: D*groups*width multiply-adds per event once per past, and L*groups comparisons per candidate. Candidates that
share a past look their sums up instead: log2(L)*groups comparisons and D*groups additions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from shortlist.models.neural.blocks.behaviour.past import Past, Reader
from shortlist.models.neural.blocks.behaviour.search import hash_bits


class Buckets(NamedTuple):
    """The buckets of R pasts, each with the sum of its events.

    Attributes:
        number: int64[R, groups, L], ascending, -1 for padding.
        total: [R, groups, L, D], at the first event of each bucket.
    """

    number: Tensor
    total: Tensor


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
            found = _unit(found)
        return found.mean(1)

    def once(self, past: Past) -> Any:
        """See the package."""
        own = self.buckets(past.x).masked_fill(~past.mask.unsqueeze(2), -1).transpose(1, 2).contiguous()
        number, order = own.sort(dim=2, stable=True)
        first = torch.searchsorted(number, number)
        x = past.x.unsqueeze(1).expand(-1, self.groups, -1, -1)
        wide = (-1, -1, -1, x.shape[3])
        sorted_x = x.gather(2, order.unsqueeze(3).expand(wide))
        total = torch.zeros_like(sorted_x).scatter_add(2, first.unsqueeze(3).expand(wide), sorted_x)
        return Buckets(number, _unit(total) if self.normalise else total)

    def each(self, kept: Any, target: Tensor, alike: Tensor | None) -> Tensor:
        """See the package."""
        wanted = self.buckets(target).transpose(1, 2).contiguous()
        place = torch.searchsorted(kept.number, wanted).clamp(max=kept.number.shape[2] - 1)
        hit = kept.number.gather(2, place) == wanted
        found = kept.total.gather(2, place.unsqueeze(3).expand(-1, -1, -1, target.shape[2]))
        y: Tensor = (found * hit.unsqueeze(3)).mean(1)
        return y

    def buckets(self, x: Tensor) -> Tensor:
        """[..., D] to int64[..., groups]."""
        bits = hash_bits(x, self.directions).view(*x.shape[:-1], self.groups, -1)
        numbers: Tensor = (bits * self.powers).sum(-1)
        return numbers


def _unit(x: Tensor) -> Tensor:
    """At length one, zeros as they are; not by torch's own norm, for which graphs have no sum in a steady order."""
    return x / x.square().sum(-1, keepdim=True).clamp(min=1e-24).sqrt()
