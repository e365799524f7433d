"""Long pasts in two stages: target attention over the latest events, and a second reading of the whole past."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.behaviour.multi_head import MultiHeadTarget
from shortlist.models.neural.blocks.behaviour.past import Past, Reader
from shortlist.models.neural.blocks.behaviour.search import Search


class Found(Reader):
    """A search, and attention that reads what it found.

    Args:
        search: of `search`.
        read: attention that can be told which events it may read.
    """

    def __init__(self, search: Search, read: MultiHeadTarget) -> None:
        super().__init__()
        self.search, self.read, self.width = search, read, read.width
        self.searches = search.searches  # type: ignore[misc]

    def forward(self, past: Past, target: Tensor) -> Tensor:
        """See the package."""
        y: Tensor = self.read(self.search(past, target), target)
        return y

    def once(self, past: Past) -> Any:
        """See the package."""
        return self.search.once(past), self.read.once(past)

    def each(self, kept: Any, target: Tensor, alike: Tensor | None) -> Tensor:
        """See the package."""
        searched, read = kept
        return self.read.among(read, target, self.search.each(searched, target, alike))


class Both(Reader):
    """The readings of several blocks side by side."""

    def __init__(self, *parts: Reader) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.width = sum(part.width for part in parts)
        self.searches = any(part.searches for part in parts)  # type: ignore[misc]

    def forward(self, past: Past, target: Tensor) -> Tensor:
        """See the package."""
        return torch.cat([part(past, target) for part in self.parts], 1)

    def once(self, past: Past) -> Any:
        """See the package."""
        return [part.once(past) for part in self._readers()]

    def each(self, kept: Any, target: Tensor, alike: Tensor | None) -> Tensor:
        """See the package."""
        read = [part.each(of_part, target, alike) for part, of_part in zip(self._readers(), kept, strict=True)]
        return torch.cat(read, 2)

    def _readers(self) -> list[Any]:
        return list(self.parts)
