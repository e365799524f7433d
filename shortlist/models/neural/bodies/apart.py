"""A network and a tower for each output; see `Esmm` and `Esm2`."""

from __future__ import annotations

from torch import Tensor, nn


class Apart(nn.Module):
    """A network and a tower for each output."""

    def __init__(self, each: nn.Module, towers: nn.Module) -> None:
        super().__init__()
        self.each, self.towers = each, towers

    def forward(self, vectors: Tensor, slot: Tensor | None) -> Tensor:
        """[B, F, D] to [B, K]."""
        y: Tensor = self.towers(self.each(vectors.flatten(1)), slot)
        return y
