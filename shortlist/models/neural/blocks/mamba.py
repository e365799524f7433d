"""Mamba: a state-space layer whose step sizes and filters depend on the event, scanned in plain torch.

Papers: Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023; Liu et al., "Mamba4Rec",
2024.
Cost: linear in L, but one step after another here (no fused kernel): worth it for long sequences only, about 3 times
slower than attention at L = 50.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout


class MambaLayer(nn.Module):
    """Convolution, selective scan and gate.

    Args:
        dim: D; the inner size is 2*D.
        state: numbers of state per inner channel.
        width: events the convolution looks at.
    """

    def __init__(self, dim: int, *, state: int = 16, width: int = 4) -> None:
        super().__init__()
        inner, rank = 2 * dim, max(1, dim // 16)
        self.state, self.rank, self.width = state, rank, width
        self.into = nn.Linear(dim, 2 * inner, bias=False)
        self.conv = nn.Conv1d(inner, inner, width, groups=inner)
        self.select = nn.Linear(inner, rank + 2 * state, bias=False)
        self.step = nn.Linear(rank, inner)
        # Decay rates 1..N per channel and steps between 0.001 and 0.1, as in the paper.
        self.log_decay = nn.Parameter(torch.log(torch.arange(1, state + 1).float()).repeat(inner, 1))
        self.skip = nn.Parameter(torch.ones(inner))
        self.out = nn.Linear(inner, dim, bias=False)
        steps = torch.exp(torch.empty(inner).uniform_(-6.9, -2.3))
        with torch.no_grad():
            self.step.bias.copy_(steps + torch.log(-torch.expm1(-steps)))

    def forward(self, x: Tensor) -> Tensor:
        """[B, L, D] to [B, L, D]; looks back only."""
        length = x.shape[1]
        h, gate = self.into(x).chunk(2, dim=-1)
        h = self.conv(nn.functional.pad(h.transpose(1, 2), (self.width - 1, 0))).transpose(1, 2)
        h = nn.functional.silu(h)
        low, b, c = self.select(h).split([self.rank, self.state, self.state], dim=-1)
        step = nn.functional.softplus(self.step(low))
        keep = torch.exp(step.unsqueeze(-1) * -torch.exp(self.log_decay))
        add = (step * h).unsqueeze(-1) * b.unsqueeze(2)
        state = torch.zeros_like(add[:, 0])
        states = []
        for t in range(length):
            state = keep[:, t] * state + add[:, t]
            states.append(state)
        y = torch.einsum("blen,bln->ble", torch.stack(states, 1), c) + h * self.skip
        out: Tensor = self.out(y * nn.functional.silu(gate))
        return out


class Mamba(nn.Module):
    """Mamba layers with residual and, as in Mamba4Rec, a feed-forward part each.

    Args:
        dim: D.
        layers: how many.
        state: numbers of state per channel.
        hidden: feed-forward size; None = 4*D.
        dropout: after each part.
    """

    def __init__(
        self, dim: int, *, layers: int = 1, state: int = 16, hidden: int | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        hidden = hidden or 4 * dim
        self.layers = nn.ModuleList(MambaLayer(dim, state=state) for _ in range(layers))
        self.feeds = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), Dropout(dropout), nn.Linear(hidden, dim))
            for _ in range(layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2 * layers))
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """See the package."""
        for n, (layer, feed) in enumerate(zip(self.layers, self.feeds, strict=True)):
            x = self.norms[2 * n](x + self.dropout(layer(x)))
            x = self.norms[2 * n + 1](x + self.dropout(feed(x)))
        return x
