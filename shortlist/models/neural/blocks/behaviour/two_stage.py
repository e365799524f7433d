"""Long pasts in two stages: target attention over the latest events, and a second reading of the whole past."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.behaviour.past import Past, Reader


class Found(Reader):
    """A search, and a block that reads what it found.

    Args:
        search: of `search`.
        read: any behaviour block.
    """

    def __init__(self, search: Callable[[Past, Tensor], Past], read: Reader) -> None:
        super().__init__()
        self.search, self.read, self.width = search, read, read.width

    def forward(self, past: Past, target: Tensor) -> Tensor:
        """See the package."""
        y: Tensor = self.read(self.search(past, target), target)
        return y


class Both(Reader):
    """The readings of several blocks side by side."""

    def __init__(self, *parts: Reader) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.width = sum(part.width for part in parts)

    def forward(self, past: Past, target: Tensor) -> Tensor:
        """See the package."""
        return torch.cat([part(past, target) for part in self.parts], 1)
