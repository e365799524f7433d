"""CLCRec: an item's content and its id are taught to say the same, so content can stand in for an id.

Two contrasts share one network: the content of an item must be nearer to its own id vector than to those of others, and
a user (the mean of what they had, the wanted item left out) nearer to the wanted item than to others; for a share of
the items content takes the place of the id there too. All vectors have length 1.

Paper: Wei et al., "Contrastive Learning for Cold-Start Recommendation", MM 2021; here users are read from their history
instead of having vectors of their own, so strangers are served.
Cost: (pairs of a batch)*negatives*D multiply-adds per step.
When not: items without content worth the name; `als` knows them better.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from shortlist.core.types import Array, Floats, Ints, Requests
from shortlist.models.base import ModelConfig
from shortlist.models.cold.base import ColdConfig, ColdModel, World, layers
from shortlist.models.history import distinct, within
from shortlist.models.neural.embeddings import table
from shortlist.models.neural.fields import FIRST


class Config(ColdConfig):
    """Settings of `ClcRec`."""

    factors: int = Field(default=64, ge=1)
    """Length of the vectors, D."""
    agree: float = Field(default=0.5, ge=0, le=1)
    """Weight of the contrast between content and id; the rest is that between user and item."""
    hide_items: float = Field(default=0.5, ge=0, le=1)
    """Chance that content takes the place of an id."""
    negatives: int = Field(default=256, ge=1)
    """Other items that a batch is compared with."""
    pairs: int = Field(default=8, ge=1)
    """Users per item and step."""
    temperature: float = Field(default=0.1, gt=0)
    """Cosines are divided by it."""
    learning_rate: float = Field(default=3e-3, gt=0)
    """Step size of Adam."""
    past: int = Field(default=50, ge=1)
    """Items of a history that are read in training, drawn at random."""


class IdAndContent(nn.Module):
    """A table of ids and a network over content."""

    def __init__(self, n: int, content: int, dim: int, hidden: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.ids = table(n + FIRST, dim, 0.1)
        self.read = layers(content, hidden, dim, dropout)

    def own(self, items: Tensor) -> Tensor:
        """Id vectors of length 1 of places int64[...]."""
        return nn.functional.normalize(self.ids(items + FIRST), dim=-1)

    def told(self, content: Tensor) -> Tensor:
        """Vectors of content, of length 1."""
        return nn.functional.normalize(self.read(content), dim=-1)


class ClcRec(ColdModel):
    """Contrast of id and content.

    Learned: see `ColdModel`; `row_` int64[M], the row of each item in the table of ids.
    """

    Config: ClassVar[type[ModelConfig]] = Config
    row_: Ints

    def restore(self) -> nn.Module:
        """Table and network with fresh weights."""
        c = self.config
        return IdAndContent(self.n_items_at_fit_, self.dims_[0], c.factors, c.hidden, c.dropout)

    def prepare(self, data: Any, ctx: Any) -> int:
        """Nothing comes before."""
        self.n_items_at_fit_: int = data.n_items
        return 0

    def item_loss(self, net: Any, world: World, items: Tensor, generator: torch.Generator) -> tuple[Tensor, int]:
        """Both contrasts, summed over the items."""
        c = self.config
        met = torch.from_numpy(np.flatnonzero(np.diff(world.offsets) > 0))
        others = met[torch.randint(0, len(met), (c.negatives,), generator=generator)]
        ids, told = net.own(items), net.told(world.content[items])
        hit = others.unsqueeze(0) == items.unsqueeze(1)
        agree = self._contrast(told, ids, net.own(others), hit)
        users = world.some_user(items.unsqueeze(1).expand(-1, c.pairs), generator).flatten()
        wanted = items.repeat_interleave(c.pairs)
        query, has = self._means(net, world, users, wanted, generator)
        cold = (torch.rand(len(items), 1, generator=generator) < c.hide_items).float()
        goal = (cold * told + (1 - cold) * ids).repeat_interleave(c.pairs, dim=0)
        hidden = (torch.rand(len(others), 1, generator=generator) < c.hide_items).float()
        rest = hidden * net.told(world.content[others]) + (1 - hidden) * net.own(others)
        had = world.had(users.unsqueeze(1).expand(-1, len(others)), others.expand(len(users), -1))
        find = self._contrast(query, goal, rest, had)[has]
        share = find.sum() / max(1, int(has.sum())) * len(items)
        total: Tensor = c.agree * agree.sum() + (1 - c.agree) * share
        return total, len(items)

    def _contrast(self, query: Tensor, goal: Tensor, others: Tensor, hit: Tensor) -> Tensor:
        """Softmax loss of each row: its goal against shared others, `hit` left out."""
        right = (query * goal).sum(-1, keepdim=True)
        wrong = (query @ others.T).masked_fill(hit, -torch.inf)
        logits = torch.cat([right, wrong], dim=1) / self.config.temperature
        loss: Tensor = torch.logsumexp(logits, dim=1) - logits[:, 0]
        return loss

    def _means(
        self, net: Any, world: World, users: Tensor, wanted: Tensor | None, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Mean id vector of each user's items but the wanted one, of length 1, and whether there is any."""
        rows = users.numpy()
        history = world.history
        low, size = history.offsets[rows], history.lengths[rows]
        most = self.config.past
        if generator is None:
            most = max(1, int(size.max(initial=1)))
            place = np.broadcast_to(np.arange(most), (len(rows), most))
            there = place < size[:, None]
        else:
            draw = torch.rand(len(rows), most, generator=generator).numpy()
            place = np.where(size[:, None] > most, (draw * size[:, None]).astype(np.int64), np.arange(most))
            there = place < size[:, None]
        item = history.item[np.where(there, low[:, None] + place, 0)] if len(history.item) else np.zeros_like(place)
        if wanted is not None:
            there = there & (item != wanted.numpy()[:, None])
        weight = torch.from_numpy(there).float().unsqueeze(-1)
        mean = (net.own(torch.from_numpy(np.where(there, item, 0))) * weight).sum(1)
        return nn.functional.normalize(mean, dim=-1), torch.from_numpy(there.any(axis=1))

    def queries(self, net: Any, world: World) -> Tensor:
        """Users by all they had."""
        return self._means(net, world, torch.arange(len(world.past)), None, None)[0]

    def cold(self, net: Any, content: Tensor) -> Tensor:
        """Content alone."""
        out: Tensor = net.told(content)
        return out

    def _after(self, world: World, order: Ints) -> None:
        self.row_ = np.empty(len(order), np.int64)
        self.row_[order] = np.arange(len(order))

    def place(self, content: Floats, items: Ints) -> Floats:
        """Id vectors of items with events, content elsewhere; zeros without either."""
        out = np.zeros((len(items), self.config.factors), np.float32)
        inside = items < len(self.row_)
        own = np.zeros(len(items), bool)
        own[inside] = self.warm_[items[inside]]
        told = ~own & content.any(axis=1)
        net: Any = self.module_
        with torch.inference_mode():
            out[own] = net.own(torch.from_numpy(self.row_[items[own]])).numpy()
            out[told] = net.told(torch.from_numpy(content[told])).numpy()
        return out

    def encode_one(self, requests: Requests, b: int) -> Array | None:
        """float64[D], the mean vector of the history, of length 1; new items in it count like others."""
        past = distinct(within(requests.history.take(np.array([b])), self.known_))
        if len(past.item) == 0:
            return None
        mean: Array = self.item_factors_[past.item].astype(np.float64).sum(axis=0)
        return mean / max(float(np.sqrt((mean**2).sum())), 1e-12)
