"""Several multi-layer perceptrons of one shape, side by side in one product per layer.

Experts, towers and networks per scenario are all this. Cost: that of so many perceptrons; one call instead of many.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.fields.shapes import Norm


class Layers(nn.Module):
    """N linear layers of one shape.

    Args:
        n: how many.
        width: of the input.
        out: of the output.
    """

    def __init__(self, n: int, width: int, out: int) -> None:
        super().__init__()
        # The start of `nn.Linear`, for each of them.
        bound = width**-0.5
        self.weight = nn.Parameter(torch.empty(n, width, out).uniform_(-bound, bound))
        # One axis only: weight decay takes what has two for a matrix.
        self.bias = nn.Parameter(torch.empty(n * out).uniform_(-bound, bound))
        self.n, self.out = n, out

    def forward(self, x: Tensor) -> Tensor:
        """[B, width], the same for all, or [B, N, width], one for each, to [B, N, out]."""
        bias = self.bias.view(self.n, self.out)
        if x.dim() == 2:
            y = x @ self.weight.transpose(0, 1).reshape(x.shape[1], self.n * self.out)
            return y.view(x.shape[0], self.n, self.out) + bias
        return torch.bmm(x.transpose(0, 1), self.weight).transpose(0, 1) + bias


class Parallel(nn.Module):
    """N perceptrons.

    Args:
        n: how many.
        width: of the input.
        hidden: widths of their layers.
        dropout: share hidden after each layer.
        norm: batch norm before each ReLU.
        logit: whether a last layer gives one number each.
    """

    def __init__(
        self, n: int, width: int, hidden: Sequence[int], *, dropout: float = 0.0, norm: bool = False,
        logit: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.layers, self.after = nn.ModuleList(), nn.ModuleList()
        for size in hidden:
            self.layers.append(Layers(n, width, size))
            flat = [nn.Flatten(1), Norm(n * size), nn.Unflatten(1, (n, size))] if norm else []
            self.after.append(nn.Sequential(*flat, nn.ReLU(), Dropout(dropout)))
            width = size
        self.last = Layers(n, width, 1) if logit else None
        self.n, self.width = n, width

    def forward(self, x: Tensor) -> Tensor:
        """[B, width] or [B, N, width] to [B, N, last width], or to logits [B, N]."""
        for layer, after in zip(self.layers, self.after, strict=True):
            x = after(layer(x))
        if self.last is None:
            return x if x.dim() == 3 else x.unsqueeze(1).expand(-1, self.n, -1)
        y: Tensor = self.last(x)
        return y.squeeze(2)
