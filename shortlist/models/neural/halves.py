"""Vectors of a request and vectors of its candidates kept apart, so that what a request brings is computed once.

All candidates of a request share user and context. A block with a method `halves` reads `Halves` instead of the fields
of every row: a first layer is linear, so W [u, i] = W_u u + W_i i, and W_u u is the same for all of them; a sum over
fields is the sum of two sums. A block without one reads the fields of every row, put together again.
Saved: per row, the look-ups of the request's fields and their part of the first layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Halves:
    """[B, F, D] in two parts.

    Attributes:
        once: [R, F1, D], fields of requests.
        own: [B, F2, D], fields of candidates.
        row: int64[B], the request of each candidate.
        once_at: places of the request's fields among all F.
        own_at: places of the candidate's.
    """

    once: Tensor
    own: Tensor
    row: Tensor
    once_at: tuple[int, ...]
    own_at: tuple[int, ...]

    def whole(self) -> Tensor:
        """[B, F, D], the fields of every row in their order."""
        both = torch.cat([self.once.index_select(0, self.row), self.own], dim=1)
        order = (*self.once_at, *self.own_at)
        return both if order == tuple(range(len(order))) else both[:, [order.index(at) for at in range(len(order))]]


def through(block: nn.Module, x: Halves) -> Any:
    """What the block gives for the fields, from halves where it can."""
    if isinstance(block, nn.Sequential):
        y = through(block[0], x)
        for part in list(block)[1:]:
            y = part(y)
        return y
    with_halves = getattr(block, "halves", None)
    return block(x.whole()) if with_halves is None else with_halves(x)


def linear(layer: nn.Linear, x: Halves) -> Tensor:
    """A linear layer over all fields, flattened: [B, F, D] to [B, h]."""
    weight = layer.weight.view(layer.out_features, len(x.once_at) + len(x.own_at), -1)

    def part(vectors: Tensor, at: Sequence[int], bias: Tensor | None) -> Tensor:
        return nn.functional.linear(vectors.flatten(1), weight[:, list(at)].flatten(1), bias)

    return part(x.own, x.own_at, layer.bias) + part(x.once, x.once_at, None).index_select(0, x.row)
