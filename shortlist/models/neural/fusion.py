"""Fusions: several vectors of one thing, some of them missing, become one.

Each is a module `(vectors [..., C, D], present bool[..., C]) -> [..., D]`; channel 0 is the id. A missing channel never
adds anything, whatever its vector holds.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Sum(nn.Module):
    """All channels added up, as in a factorisation machine."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()

    def forward(self, vectors: Tensor, present: Tensor) -> Tensor:
        """See the module."""
        return (vectors * present.unsqueeze(-1)).sum(-2)


class Concat(nn.Module):
    """All channels side by side through one matrix, on top of their mean."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.mix = nn.Linear(channels * dim, dim)
        nn.init.normal_(self.mix.weight, std=0.02)
        nn.init.zeros_(self.mix.bias)

    def forward(self, vectors: Tensor, present: Tensor) -> Tensor:
        """See the module."""
        kept = vectors * present.unsqueeze(-1)
        mixed: Tensor = self.mix(kept.flatten(-2))
        return mixed + kept.sum(-2) / present.sum(-1, keepdim=True).clamp(min=1)


class Weighted(nn.Module):
    """One learned weight per channel, shared by all items."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))

    def forward(self, vectors: Tensor, present: Tensor) -> Tensor:
        """See the module."""
        return _mean(vectors, self.weight.expand(present.shape), present)


class Attention(nn.Module):
    """Weights worked out from the channels of each item."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.look = nn.Linear(dim, dim)
        self.ask = nn.Parameter(torch.zeros(channels, dim))

    def forward(self, vectors: Tensor, present: Tensor) -> Tensor:
        """See the module."""
        logit = (torch.tanh(self.look(vectors)) * self.ask).sum(-1)
        return _mean(vectors, logit, present)


class Gated(nn.Module):
    """A gate per coordinate decides between the id and the mean of the content."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * dim, dim)

    def forward(self, vectors: Tensor, present: Tensor) -> Tensor:
        """See the module."""
        there = present.unsqueeze(-1)
        own = vectors[..., 0, :] * there[..., 0, :]
        content = (vectors[..., 1:, :] * there[..., 1:, :]).sum(-2) / there[..., 1:, :].sum(-2).clamp(min=1)
        gate = torch.sigmoid(self.gate(torch.cat([own, content], -1)))
        both = there[..., 0, :] & there[..., 1:, :].any(-2)
        return torch.where(both, gate * own + (1 - gate) * content, own + content)


class Bilinear(nn.Module):
    """The mean, plus low-rank products of the id with the content."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        rank = max(4, dim // 4)
        self.own, self.content = nn.Linear(dim, rank, bias=False), nn.Linear(dim, rank, bias=False)
        self.out = nn.Linear(rank, dim, bias=False)

    def forward(self, vectors: Tensor, present: Tensor) -> Tensor:
        """See the module."""
        kept = vectors * present.unsqueeze(-1)
        product: Tensor = self.out(self.own(kept[..., 0, :]) * self.content(kept[..., 1:, :].sum(-2)))
        return product + kept.sum(-2) / present.sum(-1, keepdim=True).clamp(min=1)


FUSIONS: Mapping[str, type[nn.Module]] = {
    "sum": Sum,
    "concat": Concat,
    "weighted": Weighted,
    "attention": Attention,
    "gated": Gated,
    "bilinear": Bilinear,
}


def _mean(vectors: Tensor, logit: Tensor, present: Tensor) -> Tensor:
    # A large negative number and not -inf: an item without any channel must not become NaN.
    weight = torch.softmax(logit.masked_fill(~present, -1e9), dim=-1) * present
    return (weight.unsqueeze(-1) * vectors).sum(-2)
