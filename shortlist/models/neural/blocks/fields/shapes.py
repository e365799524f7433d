"""Small parts that field blocks share: pairs of fields, flattening, sums of logits, batch norm that bears one row."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor, nn

from shortlist.models.neural.halves import Halves, through


def pairs(n: int) -> Tensor:
    """int64[2, n(n-1)/2], the pairs i < j."""
    return torch.triu_indices(n, n, 1)


class Flat(nn.Module):
    """[B, F, D] to [B, F*D]."""

    def forward(self, x: Tensor) -> Tensor:
        """Fields one after the other."""
        return x.flatten(1)


class Together(nn.Module):
    """Sum of the logits of several parts that read the same fields."""

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B]."""
        y: Tensor = reduce(torch.add, [part(x) for part in self.parts])
        return y

    def halves(self, x: Halves) -> Tensor:
        """As `forward`."""
        y: Tensor = reduce(torch.add, [through(part, x) for part in self.parts])
        return y


class SideBySide(nn.Module):
    """The features of several parts that read the same input, one after the other."""

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor:
        """Anything the parts read, to [B, sum of their widths]; fields are flattened."""
        return torch.cat([part(x).flatten(1) for part in self.parts], dim=1)

    def halves(self, x: Halves) -> Tensor:
        """As `forward`."""
        return torch.cat([through(part, x).flatten(1) for part in self.parts], dim=1)


class Norm(nn.BatchNorm1d):
    """Batch norm that also trains on a batch of one row, with its running statistics: one row has no variance."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, h]."""
        if self.training and len(x) < 2:
            return nn.functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(x)
