"""FuXi-alpha: HSTU's pairs split into three channels (meaning, place, time), and a two-stage feed-forward part.

Each channel has its own weights over earlier events; their sums stand side by side, are gated and projected, and a
SwiGLU part follows.
Paper: Ye et al., "FuXi-alpha: Scaling Recommendation Model with Feature Interaction Enhanced Transformer", WWW 2025.
Cost: 8*D^2 + 3*D*F multiply-adds per event and layer and 4*L*D for looking.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.ligr import SwiGlu
from shortlist.models.neural.blocks.relative_bias import PlaceBias, TimeBias


class FuxiLayer(nn.Module):
    """Three-channel aggregation, then the two-stage feed-forward part."""

    def __init__(self, dim: int, max_len: int, *, hidden: int, dropout: float, with_time: bool) -> None:
        super().__init__()
        self.dim, self.max_len = dim, max_len
        channels = 3 if with_time else 2
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.gate = nn.Linear(dim, channels * dim, bias=False)
        self.out = nn.Linear(channels * dim, dim)
        self.norm_in, self.norm_mixed = nn.LayerNorm(dim), nn.LayerNorm(channels * dim)
        self.norm_feed, self.feed = nn.LayerNorm(dim), SwiGlu(dim, hidden)
        self.place = PlaceBias(max_len)
        self.time = TimeBias() if with_time else None
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, seen: Tensor, dt: Tensor | None) -> Tensor:
        """[B, L, D] to [B, L, D]."""
        h = self.norm_in(x)
        q, k, v = nn.functional.silu(self.qkv(h)).chunk(3, dim=-1)
        parts = [(nn.functional.silu(q @ k.transpose(-1, -2)) / self.max_len * seen) @ v]
        parts.append((self.place(x.shape[1]) * seen) @ v)
        if self.time is not None:
            at = torch.zeros(x.shape[:2], device=x.device) if dt is None else dt
            parts.append((self.time(at) * seen) @ v)
        mixed = self.norm_mixed(torch.cat(parts, dim=-1)) * nn.functional.silu(self.gate(h))
        x = x + self.dropout(self.out(mixed))
        y: Tensor = x + self.dropout(self.feed(self.norm_feed(x)))
        return y


class Fuxi(nn.Module):
    """A stack of FuXi-alpha layers; arguments as in `hstu.Hstu`, `hidden` is the feed-forward size."""

    def __init__(
        self, dim: int, *, max_len: int, layers: int = 2, hidden: int | None = None, dropout: float = 0.0,
        with_time: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.layers = nn.ModuleList(
            FuxiLayer(dim, max_len, hidden=hidden or 2 * dim, dropout=dropout, with_time=with_time)
            for _ in range(layers)
        )

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """See the package."""
        seen = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
        for layer in self.layers:
            x = layer(x, seen, dt)
        return x
