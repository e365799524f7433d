"""Targets: which states of a sequence should predict which items. Padding and unknown items never become a target.

Everything that enters a loss passes through here, so this is the one place where padding is dropped.
Cost: a mask and a gather.
"""

from __future__ import annotations

import torch
from torch import Tensor

from shortlist.models.neural.fields import FIRST


def next_item(states: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Every event predicts the one after it.

    Args:
        states: float[B, L, D], what the network made of each event and those before it.
        targets: int64[B, L], the token that followed; 0 where nothing did.

    Returns:
        float[N, D] and int64[N].
    """
    keep = targets >= FIRST
    return states[keep], targets[keep]


def last_item(states: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Only the latest event predicts. Arguments and result as in `next_item`."""
    there = targets >= FIRST
    place = torch.arange(targets.shape[1], device=targets.device)
    last = (place * there).max(dim=1).values
    row = torch.arange(len(targets), device=targets.device)
    keep = there.any(dim=1)
    return states[row, last][keep], targets[row, last][keep]


def masked(
    tokens: Tensor, mask_token: int, *, share: float, last_share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Hide events at random; each hidden one is to be predicted from both sides.

    Args:
        tokens: int64[B, L], right-padded.
        mask_token: what stands in a hidden place.
        share: of events to hide; at least one per sequence.
        last_share: of sequences in which only the latest event is hidden, which is what scoring asks.
        generator: source of randomness.

    Returns:
        Tokens with holes and targets int64[B, L], 0 where nothing is hidden.
    """
    there = tokens >= FIRST
    draw = torch.rand(tokens.shape, generator=generator).to(tokens.device)
    # The smallest draw of a sequence is always hidden, so no sequence is left without a target.
    least = draw.masked_fill(~there, 2.0).argmin(dim=1, keepdim=True)
    hide = (draw < share).scatter(1, least, torch.ones_like(least, dtype=torch.bool)) & there
    place = torch.arange(tokens.shape[1], device=tokens.device)
    last = (place * there).max(dim=1, keepdim=True).values == place
    only_last = (torch.rand(len(tokens), 1, generator=generator) < last_share).to(tokens.device)
    hide = torch.where(only_last, last & there, hide)
    return tokens.masked_fill(hide, mask_token), tokens * hide


def pointwise(states: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Every row predicts its own label; rows whose label is NaN are dropped. float[N, ...] and float[N]."""
    keep = ~torch.isnan(labels)
    return states[keep], labels[keep]
