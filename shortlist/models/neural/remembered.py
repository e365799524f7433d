"""An item encoder that remembers its answers: what an item's columns say is worked out once, not once per request.

Cost: D numbers for each item that was ever asked for; the memory of others is reserved and not touched.
When not: while the encoder still learns.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from shortlist.models.neural.item_encoder import ItemEncoder


class Remembered(nn.Module):
    """Answers as the encoder does, in its precision.

    Args:
        items: an encoder that will not change any more.
    """

    def __init__(self, items: ItemEncoder) -> None:
        super().__init__()
        self.items, self.dim, self.n_known = items, items.dim, items.n_known
        like = next(items.parameters())
        self.vectors = torch.zeros(items.n_tokens, items.dim, dtype=like.dtype, device=like.device)
        self.there = torch.zeros(items.n_tokens, dtype=torch.bool, device=like.device)

    def forward(self, tokens: Tensor) -> Tensor:
        """Vectors of tokens int64[...]. Returns: [..., D]."""
        there = self.there[tokens]
        if not there.all():
            new = torch.unique(tokens[~there])
            self.vectors[new] = cast(Tensor, self.items(new))
            # Only now: another thread must not read a vector that does not stand there yet.
            self.there[new] = True
        return nn.functional.embedding(tokens, self.vectors)

    def get_buffer(self, target: str) -> Tensor:
        """The encoder's own."""
        return self.items.get_buffer(target)
