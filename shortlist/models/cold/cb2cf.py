"""CB2CF: a network learns to guess an item's collaborative vector from what the item is.

A factor model is fitted on events; then content is regressed on its item vectors. Items with events keep theirs; an
item without gets the guess and is searched like any other. The guess is cautious (a mean of what such items are), so
new items stand behind equally fitting known ones: give them places of their own (a source, a quota) where they must be
seen.

Paper: Barkan, Koenigstein, Yogev, Katz, "CB2CF: A Neural Multiview Content-to-Collaborative Filtering Model for
Completely Cold Item Recommendations", RecSys 2019.
Cost: the factor model, and a small network over the items.
When not: content that says nothing about taste; `content` needs no events at all.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core.types import Array, Floats, Ints, Requests
from shortlist.models.base import ModelConfig
from shortlist.models.cold._factors import FactorsConfig, FromFactors
from shortlist.models.cold.base import World, layers


class Config(FactorsConfig):
    """Settings of `Cb2Cf`."""


class Cb2Cf(FromFactors):
    """Content to collaborative vectors. Learned: see `FromFactors`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def restore(self) -> nn.Module:
        """The regression with fresh weights."""
        width, dim = self.dims_
        return layers(width, self.config.hidden, dim, self.config.dropout)

    def item_loss(self, net: Any, world: World, items: Tensor, generator: torch.Generator) -> tuple[Tensor, int]:
        """Squared error of the guesses."""
        error = net(world.content[items]) - world.vectors[items]
        return (error**2).sum(), len(items)

    def queries(self, net: Any, world: World) -> Tensor:
        """The factor model's users."""
        return world.users

    def cold(self, net: Any, content: Tensor) -> Tensor:
        """Guesses."""
        out: Tensor = net(content)
        return out

    def place(self, content: Floats, items: Ints) -> Floats:
        """Vectors of the factor model where there are any, guesses elsewhere; zeros without either."""
        vectors, has = self.item_vectors(items)
        guess = ~has & content.any(axis=1)
        with torch.inference_mode():
            vectors[guess] = self.cold(self.module_, torch.from_numpy(content[guess])).numpy()
        return vectors

    def encode_one(self, requests: Requests, b: int) -> Array | None:
        """float64[d], the factor model's."""
        vector = self.events_vector(requests, b)
        return None if vector is None else np.asarray(vector)
