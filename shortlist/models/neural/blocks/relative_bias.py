"""Relative bias: how far apart two events are, in places and in time, as a learned number per pair.

Time differences go into logarithmic buckets, so that minutes and years are told apart with few parameters.
Cost: two look-ups per pair of events.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

TIME_BUCKETS = 64


class PlaceBias(nn.Module):
    """[L, L], one number per distance in places; distances beyond `max_len` share the last."""

    def __init__(self, max_len: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(max_len).normal_(std=0.02))

    def forward(self, length: int) -> Tensor:
        """Bias of event i (row) for event j (column) at or before it."""
        at = torch.arange(length, device=self.weight.device)
        return self.weight[(at[:, None] - at[None, :]).clamp(0, len(self.weight) - 1)]


class TimeBias(nn.Module):
    """[B, L, L], one number per logarithmic bucket of the seconds between two events."""

    def __init__(self, buckets: int = TIME_BUCKETS) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(buckets).normal_(std=0.02))

    def forward(self, dt: Tensor) -> Tensor:
        """Bias of event i (row) for event j (column) at or before it."""
        apart = (dt[:, :, None] - dt[:, None, :]).abs()
        bucket = (torch.log1p(apart) / 0.301).long().clamp(0, len(self.weight) - 1)
        return self.weight[bucket]
