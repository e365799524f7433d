"""The past of each row as behaviour blocks read it: right-padded, oldest event first."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

AGES = 32
"""Buckets of age, each twice as long as the one before: the last begins at 68 years."""


class Past(NamedTuple):
    """Events of B rows, padded on the right to L.

    Attributes:
        x: float[B, L, D], vectors of the events.
        mask: bool[B, L], true at events.
        age: float[B, L], seconds between the event and now.
        alike: bool[B, L], whether the event shares the searched column's label with the candidate.
    """

    x: Tensor
    mask: Tensor
    age: Tensor
    alike: Tensor

    def take(self, place: Tensor, mask: Tensor) -> Past:
        """The events at int64[B, K]; where bool[B, K] is false there is none."""
        index = place.clamp(min=0)
        x = self.x.gather(1, index.unsqueeze(-1).expand(-1, -1, self.x.shape[-1]))
        return Past(x, mask, self.age.gather(1, index), self.alike.gather(1, index) & mask)

    def last(self, k: int) -> Past:
        """The latest `k` events, oldest first."""
        count = self.mask.sum(1, keepdim=True)
        place = (count - k).clamp(min=0) + torch.arange(k, device=count.device)
        return self.take(place.clamp(max=self.mask.shape[1] - 1), place < count)


class Reader(nn.Module):
    """Base of behaviour blocks: `forward(past, target)` gives float[B, width], one past per row."""

    width: int
    searches: ClassVar[bool] = False
    """Whether `each` looks at which events are alike the candidate."""

    def once(self, past: Past) -> Any:
        """What R pasts say whoever is asked about; `alike` is not looked at."""
        raise NotImplementedError

    def each(self, kept: Any, target: Tensor, alike: Tensor | None) -> Tensor:
        """As `forward` for C candidates per request.

        Args:
            kept: what `once` gave.
            target: float[R, C, D].
            alike: bool[R, C, L] as in `Past`, given to readers that search.

        Returns:
            float[R, C, width].
        """
        raise NotImplementedError


class AgeVectors(nn.Module):
    """A learned vector for how long ago an event was, by powers of two seconds; the last one is for now.

    Positions are told apart by age and not by place, so neither the side of the padding nor the length of the past
    moves them.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(AGES + 1, dim).normal_(std=0.02))

    def forward(self, age: Tensor) -> Tensor:
        """Seconds [B, L] to [B, L, D]."""
        # Compared and not taken the logarithm of, whose last bit decides at powers of two and differs between runtimes.
        bounds = 2.0 ** torch.arange(1, AGES, dtype=age.dtype, device=age.device) - 1.0
        return self.weight[(age >= bounds[:, None, None]).sum(0)]

    def now(self) -> Tensor:
        """[D]."""
        return self.weight[AGES]


def mean_of(past: Past) -> Tensor:
    """[B, D], the mean of the events."""
    there = past.mask.unsqueeze(-1).to(past.x.dtype)
    return (past.x * there).sum(1) / there.sum(1).clamp(min=1)


def shares(logit: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the events of each row along the last axis; zeros where a row has none."""
    return torch.softmax(logit.masked_fill(~mask, -1e9), dim=-1) * mask
