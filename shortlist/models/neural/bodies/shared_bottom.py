"""One trunk for all tasks and their towers; see `SharedBottom`."""

from __future__ import annotations

from torch import Tensor, nn


class Body(nn.Module):
    """[B, F, D] and the scenario of each row, int64[B] or None, to logits [B, K]."""

    def __init__(self, trunk: nn.Module, towers: nn.Module) -> None:
        super().__init__()
        self.trunk, self.towers = trunk, towers

    def forward(self, vectors: Tensor, slot: Tensor | None) -> Tensor:
        """See the class."""
        y: Tensor = self.towers(self.trunk(vectors), slot)
        return y
