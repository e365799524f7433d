"""HSTU: attention without softmax, gated by the event itself.

Each pair of events weighs silu(q k + bias of places and time) / L, where L is the largest length and not the actual
one, so how much a user did stays visible; the weighted sum is normed and multiplied by a gate. There is no feed-forward
part.
Paper: Zhai et al., "Actions Speak Louder than Words: Trillion-Parameter Sequential Transducers for Generative
Recommendations", ICML 2024.
Cost: 5*D^2 multiply-adds per event and layer and 2*L*D for looking; L^2 numbers per sequence are held.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.relative_bias import PlaceBias, TimeBias


class HstuLayer(nn.Module):
    """One pointwise aggregation with gate and residual."""

    def __init__(self, dim: int, heads: int, max_len: int, *, dropout: float, with_time: bool) -> None:
        super().__init__()
        self.heads, self.max_len = heads, max_len
        self.uvqk = nn.Linear(dim, 4 * dim, bias=False)
        self.out = nn.Linear(dim, dim)
        self.norm_in, self.norm_out = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.place = PlaceBias(max_len)
        self.time = TimeBias() if with_time else None
        self.dropout = Dropout(dropout)

    def closing(self) -> tuple[nn.Module, ...]:
        """The projection whose result is added to the residual stream."""
        return (self.out,)

    def forward(self, x: Tensor, seen: Tensor, dt: Tensor | None) -> Tensor:
        """[B, L, D] to [B, L, D]; `seen` bool[L, L] says which event may look at which."""
        b, length, d = x.shape
        u, v, q, k = nn.functional.silu(self.uvqk(self.norm_in(x))).chunk(4, dim=-1)
        q, k, v = (part.view(b, length, self.heads, d // self.heads).transpose(1, 2) for part in (q, k, v))
        bias = self.place(length)
        if self.time is not None and dt is not None:
            bias = bias + self.time(dt)[:, None]
        weight = nn.functional.silu(q @ k.transpose(-1, -2) + bias) / self.max_len
        mixed = (weight * seen) @ v
        mixed = mixed.transpose(1, 2).reshape(b, length, d)
        y: Tensor = x + self.out(self.dropout(u * self.norm_out(mixed)))
        return y


class Hstu(nn.Module):
    """A stack of HSTU layers.

    Args:
        dim: D; a multiple of `heads`.
        max_len: largest length, by which weights are divided.
        layers: how many.
        heads: per layer.
        dropout: before the output projection.
        with_time: whether the seconds between events count; needs data with a clock.
    """

    def __init__(
        self, dim: int, *, max_len: int, layers: int = 2, heads: int = 1, dropout: float = 0.0, with_time: bool = True
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            HstuLayer(dim, heads, max_len, dropout=dropout, with_time=with_time) for _ in range(layers)
        )

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """See the package."""
        seen = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
        for layer in self.layers:
            x = layer(x, seen, dt)
        return x
