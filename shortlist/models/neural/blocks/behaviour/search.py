"""Searches in a long past: the few events worth exact attention for one candidate.

`SameLabel` takes the latest events that share a label with the candidate (SIM's hard search); `NearestByHash` takes
those whose vectors' signs under fixed random directions agree most with the candidate's (ETA). What is searched with is
the same table, or the same directions, when training and when serving: both are saved with the network.
Paper: Pi et al., "Search-based User Interest Modeling ...", CIKM 2020; Chen et al., "End-to-End User Behavior Retrieval
in Click-Through Rate Prediction Model", 2021.
Cost: L comparisons per candidate; with hashes D*bits multiply-adds per event besides.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.behaviour.past import Past


class Search(nn.Module):
    """Base of searches: at most `k` events per candidate, gathered (`forward`) or marked where they stand (`each`)."""

    searches: ClassVar[bool] = False
    """Whether `each` looks at which events are alike the candidate."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def once(self, past: Past) -> Signed:
        """What is searched in, whoever is asked about."""
        raise NotImplementedError

    def each(self, kept: Signed, target: Tensor, alike: Tensor | None) -> Tensor:
        """bool[R, C, L], the events found for candidates float[R, C, D]."""
        raise NotImplementedError


class Signed(NamedTuple):
    """R pasts as they are searched.

    Attributes:
        mask: bool[R, L].
        signs: [R, L, bits], 1 and -1 for the sides of the directions; None where labels are searched for.
    """

    mask: Tensor
    signs: Tensor | None = None


class SameLabel(Search):
    """The latest `k` events alike the candidate, latest first."""

    searches: ClassVar[bool] = True

    def forward(self, past: Past, target: Tensor) -> Past:
        """At most k events per row."""
        place = torch.arange(past.mask.shape[1], device=past.mask.device)
        return _best(past, place.where(past.alike & past.mask, -1), self.k)

    def once(self, past: Past) -> Signed:
        """See `Search`."""
        return Signed(past.mask)

    def each(self, kept: Signed, target: Tensor, alike: Tensor | None) -> Tensor:
        """See `Search`."""
        assert alike is not None, "asked without labels"
        found = alike & kept.mask.unsqueeze(1)
        if found.shape[2] <= self.k:
            return found
        before = found.cumsum(2)
        return found & (before > before[:, :, -1:] - self.k)


class NearestByHash(Search):
    """The `k` events with the fewest differing hash bits, latest first among equals.

    Args:
        dim: D.
        k: events found.
        bits: random directions; the share of differing bits estimates the angle over pi.
    """

    directions: Tensor

    def __init__(self, dim: int, k: int, bits: int) -> None:
        super().__init__(k)
        self.register_buffer("directions", torch.randn(dim, bits))

    def forward(self, past: Past, target: Tensor) -> Past:
        """At most k events per row. No gradient goes through the search."""
        with torch.no_grad():
            equal = (hash_bits(past.x, self.directions) == hash_bits(target, self.directions).unsqueeze(1)).sum(-1)
            length = past.mask.shape[1]
            place = torch.arange(length, device=past.mask.device)
            # One whole number per event orders by agreement, then by time: the same on every machine.
            key = (equal * length + place).where(past.mask, -1)
        return _best(past, key, self.k)

    def once(self, past: Past) -> Signed:
        """See `Search`."""
        return Signed(past.mask, self._signs(past.x))

    def each(self, kept: Signed, target: Tensor, alike: Tensor | None) -> Tensor:
        """See `Search`."""
        assert kept.signs is not None, "asked without hashes"
        there, length = kept.mask.unsqueeze(1), kept.mask.shape[1]
        if length <= self.k:
            return there.expand(-1, target.shape[1], -1)
        # Sums of ones are exact, and grow with the number of equal bits; the order is that of `forward`.
        equal = torch.bmm(self._signs(target), kept.signs.transpose(1, 2))
        key = (equal * length + torch.arange(length, device=equal.device)).masked_fill(~there, -torch.inf)
        return (key >= key.topk(self.k, dim=2).values[:, :, -1:]) & there

    def _signs(self, x: Tensor) -> Tensor:
        return hash_bits(x, self.directions).to(x.dtype) * 2 - 1


def hash_bits(x: Tensor, directions: Tensor) -> Tensor:
    """[..., D] to bool[..., bits], on which side of each direction a vector lies."""
    return x @ directions > 0


def _best(past: Past, key: Tensor, k: int) -> Past:
    """Events with the largest keys int64[B, L]; negative ones are never taken."""
    found = key.topk(min(k, key.shape[1]), dim=1)
    return past.take(found.indices, found.values >= 0)
