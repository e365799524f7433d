"""Mean pooling: the average of what was done so far, with the latest event beside it if wanted.

Cost: linear in L and D; no order at all but for the latest event.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout


class MeanPool(nn.Module):
    """Running mean: y at an event is the mean of all events up to it.

    Args:
        dim: D.
        hidden: sizes of layers on top; none gives the mean itself.
        dropout: inside them.
    """

    def __init__(self, dim: int, *, hidden: tuple[int, ...] = (), dropout: float = 0.0) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        width = dim
        for size in hidden:
            parts += [nn.Linear(width, size), nn.ReLU(), Dropout(dropout)]
            width = size
        self.top = nn.Sequential(*parts, nn.Linear(width, dim)) if hidden else nn.Identity()

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """See the package."""
        y: Tensor = self.top(running_mean(x, mask))
        return y


class LastAndMean(nn.Module):
    """A matrix on the latest event plus one on the mean of all: first-order transitions and taste."""

    def __init__(self, dim: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.last, self.mean = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """See the package."""
        y: Tensor = self.last(self.dropout(x)) + self.mean(self.dropout(running_mean(x, mask)))
        return y


class AttentionPool(nn.Module):
    """Running weighted mean: each event has a learned weight of its own, one softmax per place over what came before.

    Args:
        dim: D.
        hidden: sizes of layers on top, as in `MeanPool`.
        dropout: inside them.
    """

    def __init__(self, dim: int, *, hidden: tuple[int, ...] = (), dropout: float = 0.0) -> None:
        super().__init__()
        self.look, self.ask = nn.Linear(dim, dim), nn.Linear(dim, 1, bias=False)
        self.top = MeanPool(dim, hidden=hidden, dropout=dropout).top

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """See the package."""
        # A bounded logit keeps the running sums of exponentials in range without a running maximum.
        weight = torch.exp(8.0 * torch.tanh(self.ask(torch.tanh(self.look(x))))) * mask.unsqueeze(-1)
        pooled = torch.cumsum(weight * x, dim=1) / torch.cumsum(weight, dim=1).clamp(min=1e-6)
        y: Tensor = self.top(pooled)
        return y


def running_mean(x: Tensor, mask: Tensor) -> Tensor:
    """[B, L, D], mean of the real events up to each place."""
    there = mask.unsqueeze(-1).to(x.dtype)
    return torch.cumsum(x * there, dim=1) / torch.cumsum(there, dim=1).clamp(min=1)
