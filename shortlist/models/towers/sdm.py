"""SDM: what is wanted in this session, and what was ever wanted, gated together coordinate by coordinate.

The running session is read by a recurrent layer and attention over its own events; everything before it is a mean
through one layer; a gate looks at both. A pause longer than `pause_s` starts a session, and that rule decides more than
the network does: choose it from the data. Without a clock everything is one session.

Paper: Lv et al., "SDM: Sequential Deep Matching Model for Online Large-scale Recommender System", CIKM 2019; here the
long past is one bag instead of one per kind of column, and the gate does not see the user's columns.
Cost: 8*D^2 multiply-adds per event for the recurrent layer, one event of a session after another, 4*D^2 for attention.
When not: sessions of one or two events, or no clock; `two_tower` and `gru4rec` are its two halves.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.attention import SelfAttention
from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.sequential.base import Loss
from shortlist.models.towers.base import TowerConfig, TowerModel


class Config(TowerConfig):
    """Settings of `Sdm`."""

    pause_s: float = Field(default=3600.0, gt=0)
    """A longer pause in seconds starts a new session."""
    heads: int = Field(default=2, ge=1, le=64)
    """Of attention within a session; must divide `factors`."""
    loss: Loss = "auto"
    """auto is ce up to 50,000 items and sampled_ce above."""


class ShortAndLong(nn.Module):
    """States of the running session and of everything before it, gated.

    Args:
        dim: D.
        heads: of attention.
        pause: seconds between two events of different sessions.
        dropout: of both.
    """

    def __init__(self, dim: int, *, heads: int, pause: float, dropout: float) -> None:
        super().__init__()
        self.pause = pause
        self.cell = nn.LSTM(dim, dim, batch_first=True)
        self.look = SelfAttention(dim, heads)
        self.dropout = Dropout(dropout)
        self.long = nn.Sequential(nn.Linear(dim, dim), nn.Tanh())
        self.gate = nn.Linear(2 * dim, dim)

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """See the package."""
        first = starts(mask, dt, self.pause)
        place = torch.arange(x.shape[1], device=x.device).expand(mask.shape)
        short = self._short(x, mask, first, place)
        total = torch.cumsum(x * mask.unsqueeze(-1), dim=1)
        before = torch.gather(total, 1, (first - 1).clamp(min=0).unsqueeze(-1).expand_as(x))
        has = (first > 0).unsqueeze(-1)
        long = self.long(self.dropout(before / first.clamp(min=1).unsqueeze(-1)))
        gate = torch.sigmoid(self.gate(torch.cat([short, long], dim=-1)))
        return torch.where(has, gate * short + (1 - gate) * long, short)

    def _short(self, x: Tensor, mask: Tensor, first: Tensor, place: Tensor) -> Tensor:
        """[B, L, D], what the events of the own session so far come to."""
        row, at = mask.nonzero(as_tuple=True)
        _, session = torch.unique(row * x.shape[1] + first[row, at], return_inverse=True)
        within = (place - first)[row, at]
        size = (int(session.max()) + 1, int(within.max()) + 1) if len(row) else (1, 1)
        apart = x.new_zeros(*size, x.shape[2]).index_put((session, within), x[row, at])
        there = torch.zeros(size, dtype=torch.bool, device=x.device).index_put(
            (session, within), torch.ones_like(row, dtype=torch.bool)
        )
        state, _ = self.cell(apart)
        state = state + self.look(self.dropout(state), there)
        return torch.zeros_like(x).index_put((row, at), state[session, within])


def starts(mask: Tensor, dt: Tensor | None, pause: float) -> Tensor:
    """int64[B, L], the place at which each event's session began."""
    place = torch.arange(mask.shape[1], device=mask.device).expand(mask.shape)
    if dt is None:
        return torch.zeros_like(place)
    begins = torch.zeros_like(mask)
    begins[:, 1:] = (dt[:, 1:] - dt[:, :-1]) > pause
    return torch.cummax(torch.where(begins, place, 0), dim=1).values


class Sdm(TowerModel):
    """Session and past. Learned: see `TowerModel`."""

    Config: ClassVar[type[ModelConfig]] = Config
    uses_time: ClassVar[bool] = True

    def block(self) -> nn.Module:
        """Both, gated."""
        c = self.config
        return ShortAndLong(c.factors, heads=c.heads, pause=c.pause_s, dropout=c.dropout)
