"""MetaEmbedding: content gives a new item's first vector, chosen so that a few clicks are enough to make it right.

The factor model stays as it is. For an old item, taken as if it were new, content gives a vector; its loss on a first
handful of users is the cold loss; one gradient step on them, and the loss on a second handful is the warm loss. Both
train the network, the second through the step. A new item is searched with the vector its content gives, and `warm_up`
makes that same step once somebody had it.

Paper: Pan et al., "Warm Up Cold-start Advertisements: Improving CTR Predictions via Learning to Learn ID Embeddings",
SIGIR 2019.
Cost: as `cb2cf`, with 4*`shots` users per item and step.
When not: new items never get a first click before the next fit; then `cb2cf` is simpler.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from shortlist.core.types import Array, Floats, Ints, Requests
from shortlist.models.base import ModelConfig
from shortlist.models.cold._factors import FactorsConfig
from shortlist.models.cold.base import World, layers
from shortlist.models.cold.cb2cf import Cb2Cf
from shortlist.models.updating import replace

CROWD = 256
"""Users kept, as those who did not want an item that is warmed up."""


class Config(FactorsConfig):
    """Settings of `MetaEmbedding`."""

    shots: int = Field(default=10, ge=1)
    """Users of a handful that had the item; as many are drawn who did not."""
    step: float = Field(default=1.0, gt=0)
    """Length of the gradient step from a cold to a warm vector."""
    cold_weight: float = Field(default=0.5, ge=0, le=1)
    """Weight of the loss before the step; the rest is that after it."""


class Generator(nn.Module):
    """Content to vector, and how a product becomes a logit."""

    def __init__(self, content: int, dim: int, hidden: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.read = layers(content, hidden, dim, dropout)
        self.steep = nn.Parameter(torch.zeros(1))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, content: Tensor) -> Tensor:
        """[n, d]."""
        out: Tensor = self.read(content)
        return out

    def logit(self, vector: Tensor, users: Tensor) -> Tensor:
        """[n, k] for vectors [n, d] and users [n, k, d]."""
        scale = self.steep.exp() / vector.shape[-1] ** 0.5
        out: Tensor = scale * (users @ vector.unsqueeze(-1)).squeeze(-1) + self.bias
        return out

    def stepped(self, vector: Tensor, users: Tensor, label: Tensor, step: float) -> Tensor:
        """The vectors after one gradient step of the logistic loss, written out so that training goes through it."""
        scale = self.steep.exp() / vector.shape[-1] ** 0.5
        error = torch.sigmoid(self.logit(vector, users)) - label
        moved: Tensor = vector - step * scale * (error.unsqueeze(-1) * users).mean(1)
        return moved


class MetaEmbedding(Cb2Cf):
    """Vectors that learn fast.

    Learned: see `FromFactors`; `crowd_` float32[n, d], some users of the training part.
    """

    Config: ClassVar[type[ModelConfig]] = Config
    crowd_: Floats

    def restore(self) -> nn.Module:
        """The network with fresh weights."""
        return Generator(self.dims_[0], self.dims_[1], self.config.hidden, self.config.dropout)

    def item_loss(self, net: Any, world: World, items: Tensor, generator: torch.Generator) -> tuple[Tensor, int]:
        """The losses before and after the step."""
        c = self.config
        vector = net(world.content[items])
        first, label = self._handful(world, items, generator)
        second, other = self._handful(world, items, generator)
        warm = net.stepped(vector, first, label, c.step)
        losses = [
            nn.functional.binary_cross_entropy_with_logits(net.logit(v, u), y, reduction="none").mean(1).sum()
            for v, u, y in ((vector, first, label), (warm, second, other))
        ]
        return c.cold_weight * losses[0] + (1 - c.cold_weight) * losses[1], len(items)

    def _handful(self, world: World, items: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Vectors [n, 2*shots, d] of users who had each item and of users drawn, and which had it."""
        shots = self.config.shots
        mine = world.some_user(items.unsqueeze(1).expand(-1, shots), generator)
        drawn = world.any_user((len(items), shots), generator)
        users = torch.cat([mine, drawn], dim=1)
        return world.users[users], world.had(users, items.unsqueeze(1).expand_as(users)).float()

    def _after(self, world: World, order: Ints) -> None:
        has = np.flatnonzero(world.history.lengths > 0)
        chosen = np.random.default_rng(5).permutation(has)[:CROWD]
        self.crowd_ = world.users.numpy()[np.sort(chosen)]

    def warm_up(self, item: int, requests: Requests) -> Self:
        """Move a new item's vector by the users who had it, as training prepared it for; known items stay.

        Args:
            item: a described item without events at the fit.
            requests: one per user who had it, with the history before that.

        Raises:
            NotFitted: before the first fit.
        """
        self.require_fitted()
        if not (0 <= item < self.n_items_ and self.known_[item] and not self.warm_[item]):
            return self
        found = [vector for b in range(len(requests)) if (vector := self.encode_one(requests, b)) is not None]
        if not found or len(self.crowd_) == 0:
            return self
        # Half of the weight on those who had it, as in training, however many they are.
        mine = np.resize(np.array(found, np.float32), (max(len(found), len(self.crowd_)), self.crowd_.shape[1]))
        crowd = np.resize(self.crowd_, mine.shape)
        users = torch.from_numpy(np.concatenate([mine, crowd])[None])
        label = torch.cat([torch.ones(1, len(mine)), torch.zeros(1, len(crowd))], dim=1)
        net: Any = self.module_
        with torch.inference_mode():
            start = net(torch.from_numpy(self.content_[[item]]))
            moved = net.stepped(start, users, label, self.config.step)[0].numpy()
        factors: Array = self.item_factors_.copy()
        factors[item] = moved
        replace(self, item_factors_=factors)
        return self
