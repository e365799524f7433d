"""DIN's readout: target attention over the whole past. Cost: that of `target_attention`."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from shortlist.models.neural.blocks.behaviour.past import Past, Reader
from shortlist.models.neural.blocks.target_attention import TargetAttention


class Attended(Reader):
    """The events weighted by what they mean for the candidate.

    Args:
        dim: D.
        hidden: sizes of the weighing network.
        softmax: whether weights are normalised to one.
        last: only so many latest events are read; None reads all.
    """

    def __init__(
        self, dim: int, *, hidden: tuple[int, ...] = (32, 16), softmax: bool = False, last: int | None = None
    ) -> None:
        super().__init__()
        self.width, self.last = dim, last
        self.attention = TargetAttention(dim, hidden=hidden, softmax=softmax)

    def forward(self, past: Past, target: Tensor) -> Tensor:
        """See the package."""
        if self.last is not None:
            past = past.last(self.last)
        y: Tensor = self.attention(past.x, past.mask, target)
        return y

    def once(self, past: Past) -> Any:
        """See the package."""
        if self.last is not None:
            past = past.last(min(self.last, past.mask.shape[1]))
        return self.attention.once(past.x, past.mask)

    def each(self, kept: Any, target: Tensor, alike: Tensor | None) -> Tensor:
        """See the package."""
        return self.attention.each(kept, target)
