"""Causal convolutions: NextItNet's dilated residual stack and Caser's short window.

Both pad on the left only, so an event sees itself and earlier ones whatever the dilation.
Papers: Yuan et al., "A Simple Convolutional Generative Network for Next Item Recommendation", WSDM 2019; Tang and Wang,
"Personalized Top-N Sequential Recommendation via Convolutional Sequence Embedding", WSDM 2018.
Cost: 2*K*D^2 multiply-adds per event and residual layer; for Caser about W^2*D*F/2 for a window W and F filters.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout


class CausalConv(nn.Module):
    """Convolution over time that looks back only: [B, L, D] to [B, L, F]."""

    def __init__(self, dim: int, out: int, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.back = (width - 1) * dilation
        self.conv = nn.Conv1d(dim, out, width, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        y: Tensor = self.conv(nn.functional.pad(x.transpose(1, 2), (self.back, 0)))
        return y.transpose(1, 2)


class DilatedLayer(nn.Module):
    """Two causal convolutions, the second twice as dilated, with norms and a residual."""

    def __init__(self, dim: int, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.first, self.second = CausalConv(dim, dim, width, dilation), CausalConv(dim, dim, width, 2 * dilation)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[B, L, D] to [B, L, D]."""
        h = torch.relu(self.norm1(self.first(x)))
        y: Tensor = x + self.dropout(torch.relu(self.norm2(self.second(h))))
        return y


class DilatedCnn(nn.Module):
    """NextItNet: residual layers with growing dilation.

    Args:
        dim: D.
        width: events a convolution looks at.
        dilations: one residual layer each.
        dropout: inside layers.
    """

    def __init__(
        self, dim: int, *, width: int = 3, dilations: Sequence[int] = (1, 2, 4, 8), dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DilatedLayer(dim, width, d, dropout) for d in dilations)

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """See the package."""
        x = x * mask.unsqueeze(-1)
        for layer in self.layers:
            x = layer(x)
        return x


class WindowCnn(nn.Module):
    """Caser: filters of several heights over the last events, pooled, and weighted sums of them.

    Args:
        dim: D.
        window: events looked at.
        filters: F horizontal filters per height 1..window; `sums` vertical ones.
        sums: weighted sums of the window.
        dropout: before the output.
    """

    def __init__(self, dim: int, *, window: int = 5, filters: int = 8, sums: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        self.window = window
        self.across = nn.ModuleList(CausalConv(dim, filters, height) for height in range(1, window + 1))
        self.down = nn.Parameter(torch.empty(sums, window).normal_(std=window**-0.5))
        self.out = nn.Linear(filters * window + sums * dim, dim)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """See the package."""
        x = x * mask.unsqueeze(-1)
        parts = []
        for height, conv in enumerate(self.across, start=1):
            found = torch.relu(conv(x)).transpose(1, 2)
            # Only filters that lie wholly in the window: the pool looks back over what is left of it.
            reach = self.window - height
            padded = nn.functional.pad(found, (reach, 0))
            parts.append(nn.functional.max_pool1d(padded, reach + 1, stride=1).transpose(1, 2))
        back = nn.functional.pad(x, (0, 0, self.window - 1, 0)).unfold(1, self.window, 1)
        parts.append(torch.einsum("bldw,sw->blsd", back, self.down).flatten(2))
        y: Tensor = self.out(self.dropout(torch.cat(parts, dim=-1)))
        return y + x
