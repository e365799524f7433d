"""DropoutNet: two networks that give a factor model's scores from vectors and content, whether the vectors are there.

In training the factor model's vector of an item, or of a user, is hidden at random, and the score must come out all
the same; so the networks lean on content exactly where there is nothing else. A user's content is the mean of what they
had; an item without events, or a user with only new items in the past, is a hidden vector.

Paper: Volkovs, Yu, Poutanen, "DropoutNet: Addressing Cold Start in Recommender Systems", NIPS 2017.
Cost: the factor model; `pairs` products per item and pass; one pass of a small network per request.
When not: known items alone matter: then the factor model itself is as good and cheaper.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from shortlist.core.types import Array, Floats, Ints, Requests
from shortlist.models.base import ModelConfig
from shortlist.models.cold._factors import FactorsConfig, FromFactors
from shortlist.models.cold.base import World, layers
from shortlist.models.history import distinct, within


class Config(FactorsConfig):
    """Settings of `DropoutNet`."""

    hide_items: float = Field(default=0.5, ge=0, le=1)
    """Chance that an item's vector is hidden in a step."""
    hide_users: float = Field(default=0.2, ge=0, le=1)
    """Chance that a user's is."""
    pairs: int = Field(default=16, ge=1)
    """Users per item and step: half of them had it, half are drawn."""


class TwoSides(nn.Module):
    """A network for items and one for users, each over vector and content.

    Args:
        content: C.
        dim: d.
        hidden: layers.
        dropout: inside them.
    """

    def __init__(self, content: int, dim: int, hidden: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.items = layers(dim + content, hidden, dim, dropout)
        self.users = layers(dim + content, hidden, dim, dropout)


class DropoutNet(FromFactors):
    """Hidden vectors. Learned: see `FromFactors`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def restore(self) -> nn.Module:
        """Both networks with fresh weights."""
        return TwoSides(self.dims_[0], self.dims_[1], self.config.hidden, self.config.dropout)

    def item_loss(self, net: Any, world: World, items: Tensor, generator: torch.Generator) -> tuple[Tensor, int]:
        """Squared error of the scores of `pairs` users per item."""
        c = self.config
        half = (c.pairs + 1) // 2
        mine = world.some_user(items.unsqueeze(1).expand(-1, half), generator)
        users = torch.cat([mine, world.any_user((len(items), half), generator)], dim=1)
        vectors, people = world.vectors[items], world.users[users]
        target = (people * vectors.unsqueeze(1)).sum(-1) / vectors.shape[1] ** 0.5
        shown = (torch.rand(len(items), 1, generator=generator) >= c.hide_items).float()
        item = net.items(torch.cat([vectors * shown, world.content[items]], dim=-1))
        seen = (torch.rand(*users.shape, 1, generator=generator) >= c.hide_users).float()
        person = net.users(torch.cat([people * seen, world.past[users]], dim=-1))
        error = (person * item.unsqueeze(1)).sum(-1) - target
        return (error**2).sum(), error.numel()

    def queries(self, net: Any, world: World) -> Tensor:
        """Users, nothing hidden."""
        out: Tensor = net.users(torch.cat([world.users, world.past], dim=-1))
        return out

    def cold(self, net: Any, content: Tensor) -> Tensor:
        """Items whose vector is hidden."""
        out: Tensor = net.items(torch.cat([content.new_zeros(len(content), self.dims_[1]), content], dim=-1))
        return out

    def place(self, content: Floats, items: Ints) -> Floats:
        """What the item's network makes of vector and content; zeros without either."""
        vectors, has = self.item_vectors(items)
        with torch.inference_mode():
            read = torch.from_numpy(np.concatenate([vectors, content], axis=1))
            net: Any = self.module_
            out: Floats = net.items(read).numpy()
        out[~(has | content.any(axis=1))] = 0.0
        return out

    def encode_one(self, requests: Requests, b: int) -> Array | None:
        """float32[d], what the user's network makes of the history; new items in it count by their content."""
        past = distinct(within(requests.history.take(np.array([b])), self.known_))
        if len(past.item) == 0:
            return None
        vector = self.events_vector(requests, b)
        content = self.content_[past.item].astype(np.float64).mean(axis=0)
        own = np.zeros(self.dims_[1]) if vector is None else vector
        read = torch.from_numpy(np.concatenate([own, content]).astype(np.float32))
        net: Any = self.module_
        out: Array = net.users(read).numpy()
        return out
