"""What factor models learned from sampled comparisons share: `bpr`, `warp` and `logistic_mf`.

Each passes over all events in an order that the seed decides and moves a few vectors per event; they differ in what a
step is. Only items are kept: the vector of a user is learned from the history of the request by the same steps with the
items held still, so strangers and fresh events are served without a refit. Memory while fitting: 9 bytes per event and
4*(U + M)*d; after, 4*M*d.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from shortlist.core.contracts import FitContext
from shortlist.core.errors import StageError
from shortlist.core.types import Array, Floats, History, Ints, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.factors import ItemFactorModel
from shortlist.models.history import distinct, within
from shortlist.models.retrieval._sampling import BLOCKS, deal
from shortlist.models.retrieval._start import natural_rows


class SampledConfig(ModelConfig):
    """Settings of every model learned from sampled comparisons."""

    factors: int = Field(default=32, ge=1, le=1024)
    """Length of the vectors, d."""
    learning_rate: float = Field(default=0.05, gt=0)
    """Size of a gradient step."""
    reg: float = Field(default=0.01, ge=0)
    """How much each touched vector shrinks per step, times the learning rate."""
    epochs: int = Field(default=30, ge=1)
    """Passes over all events."""
    fold_in_epochs: int = Field(default=5, ge=2)
    """Passes over a history when the vector of its user is learned for a request; few, because many overfit it."""
    max_len: int = Field(default=500, ge=1)
    """Latest distinct items of a history that are read for an answer."""
    init_scale: float = Field(default=0.1, gt=0)
    """Standard deviation of the start."""


class SampledFactorModel(ItemFactorModel):
    """Item vectors by steps on sampled comparisons; subclasses implement `one_pass` and `fold_in_steps`.

    Learned: `item_factors_` float32[M, d], zero for items without events; `known_` bool[M], items with events;
    `negatives_` int64[n], the items with events in natural order of their ids, from which fold-in draws.
    """

    Config: ClassVar[type[ModelConfig]] = SampledConfig

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Pass over all events `epochs` times in an order that the seed decides."""
        c = self.config
        indptr, indices, order = natural_rows(data)
        users, items = self.start(np.random.default_rng(ctx.seed), len(indptr) - 1, len(order))
        state = np.array([ctx.seed], np.uint64)
        turn: Ints = np.empty(len(indices), np.int32 if len(indices) < 2**31 else np.int64)
        for epoch in range(c.epochs):
            deal(state, turn, BLOCKS)
            self.one_pass(state, turn, indptr, indices, users, items)
            ctx.progress(epoch + 1, c.epochs)
        del users, turn
        self.known_ = np.bincount(data.interactions.item, minlength=len(order)) > 0
        self.negatives_: Ints = order[self.known_[order]]
        items[~self.known_[order]] = 0.0
        self.item_factors_ = np.empty_like(items)
        self.item_factors_[order] = items

    def start(self, rng: np.random.Generator, n_users: int, n_items: int) -> tuple[Floats, Floats]:
        """Where the vectors of users and items, float32[U, d] and float32[M, d], begin: normal around zero."""
        c = self.config
        users = rng.normal(scale=c.init_scale, size=(n_users, c.factors)).astype(np.float32)
        return users, rng.normal(scale=c.init_scale, size=(n_items, c.factors)).astype(np.float32)

    def one_pass(self, state: Array, turn: Ints, indptr: Ints, indices: Ints, users: Floats, items: Floats) -> None:
        """Move `users` and `items` through all events in the order `turn`.

        Args:
            state: uint64[1], of the random draws.
            turn: int[E], event numbers, ascending within each of `BLOCKS` blocks.
            indptr: int64[U+1]; the events of user u are indptr[u]:indptr[u+1].
            indices: int32[E], the item of each event, ascending within a user.
        """
        raise StageError(f"{type(self).__name__} does not implement one_pass().")

    def fold_in_steps(self, past: History, out: Floats) -> None:
        """Fill float64[B, d] `out` with the vectors learned from the known past items, zero where there are none."""
        raise StageError(f"{type(self).__name__} does not implement fold_in_steps().")

    def fold_in(self, requests: Requests) -> Floats:
        """float64[B, d], each request's vector, learned from its history; zero without known past items."""
        past = distinct(within(requests.history, self.known_)).last(self.config.max_len)
        out = np.zeros((len(past), self.item_factors_.shape[1]))
        self.fold_in_steps(past, out)
        return out
