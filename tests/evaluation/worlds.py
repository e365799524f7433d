"""Small worlds whose right answers are known, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shortlist.core.contracts import FitContext
from shortlist.core.errors import TooLarge
from shortlist.core.types import Requests
from shortlist.data.dataset import Dataset, Interactions
from shortlist.data.vocab import Vocab
from shortlist.models.base import CatalogueModel


def world(rows: Sequence[tuple[int, int]], *, n_items: int | None = None, **options: Any) -> Dataset:
    """A dataset from (user, item) in time order, one event per second from second 1."""
    user = np.array([u for u, _ in rows], np.int64)
    item = np.array([i for _, i in rows], np.int64)
    n = len(rows)
    events = Interactions(user, item, np.arange(1.0, n + 1), np.ones(n, np.float32), np.zeros(n, np.int16), ("click",))
    users = Vocab(f"u{u}" for u in range(user.max() + 1))
    items = Vocab(f"i{i}" for i in range(n_items or int(item.max()) + 1))
    return Dataset("world", events, users, items, **options)


def noise(users: int, items: int, events: int, seed: int = 0) -> Dataset:
    """Users who pick distinct items at random: nothing can be learnt."""
    rng = np.random.default_rng(seed)
    picks = [rng.choice(items, events, replace=False) for _ in range(users)]
    rows = [(u, int(picks[u][j])) for j in range(events) for u in rng.permutation(users)]
    return world(rows, n_items=items)


class Fixed(CatalogueModel):
    """Gives every request the scores it was told."""

    scores: Any = ()

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        self.seed_ = ctx.seed

    def score_block(self, requests: Requests) -> Any:
        row = np.asarray(self.scores, np.float64)
        return np.broadcast_to(row, (len(requests), len(row)))


def fixed(data: Dataset, scores: Sequence[float]) -> Fixed:
    """A fitted `Fixed`."""
    model = Fixed()
    model.scores = scores
    return model.fit(data)


class Huge(CatalogueModel):
    """Refuses every catalogue."""

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        raise TooLarge("Too many items.", hint="Use als.")
