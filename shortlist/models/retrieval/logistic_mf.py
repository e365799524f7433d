"""Logistic MF: how likely a user is to take an item, as a logistic curve over a product of vectors and a bias.

Each event is a "yes" and some random items the user never had are "no", and all parameters climb the likelihood. The
scores are log odds, which `als` and `bpr` do not give; lists are about as good. It knows nothing of order or time, and
where sequence matters `trails` answers better.

Paper: Johnson, "Logistic Matrix Factorization for Implicit Feedback Data", NIPS workshop 2014.
Cost: about 6*d flops per event, epoch and answer ("yes" or "no") on one core, in a fixed order, so that a seed fixes
the result; memory 4*(U + M)*d bytes while fitting, 4*M*d after. Only items are kept: the vector of a user is learned
from the history of the request by the same steps with the items held still, so strangers and fresh events are served
without a refit.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numba import njit
from pydantic import Field

from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, Floats, Ints, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.dense import cosine_rows
from shortlist.models.factors import ItemFactorModel
from shortlist.models.history import distinct, within
from shortlist.models.retrieval._sampling import BLOCKS, below, deal, not_had
from shortlist.models.retrieval._start import natural_matrix


class Config(ModelConfig):
    """Settings of `LogisticMf`."""

    factors: int = Field(default=32, ge=1, le=1024)
    """Length of the vectors, d, the bias not counted."""
    learning_rate: float = Field(default=0.02, gt=0)
    """Size of a gradient step."""
    reg: float = Field(default=0.01, ge=0)
    """How much each touched vector shrinks per step, times the learning rate."""
    negatives: int = Field(default=5, ge=1)
    """Random items a "no" is assumed for, per event."""
    epochs: int = Field(default=30, ge=1)
    """Passes over all events."""
    fold_in_epochs: int = Field(default=5, ge=2)
    """Passes over a history when the vector of its user is learned for a request."""
    max_len: int = Field(default=500, ge=1)
    """Latest distinct items of a history that are read for an answer."""
    init_scale: float = Field(default=0.1, gt=0)
    """Standard deviation of the start."""


class LogisticMf(ItemFactorModel):
    """Factorisation by logistic regression in turn on both sides.

    Learned: `item_factors_` float32[M, d+1], the last column being the bias, zero for items without events; `known_`
    bool[M], items with events; `negatives_` int64[n], the items with events in natural order of their ids, from which
    fold-in draws.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Pass over all events `epochs` times in an order that the seed decides."""
        c = self.config
        x, order = natural_matrix(data, "binary")
        rng = np.random.default_rng(ctx.seed)
        # The last coordinate of a user is 1 and stays so: it carries the bias of the item.
        users = rng.normal(scale=c.init_scale, size=(x.shape[0], c.factors + 1)).astype(np.float32)
        items = rng.normal(scale=c.init_scale, size=(x.shape[1], c.factors + 1)).astype(np.float32)
        users[:, -1], items[:, -1] = 1.0, 0.0
        owner = np.repeat(np.arange(x.shape[0], dtype=np.int32), np.diff(x.indptr))
        state = np.array([ctx.seed], np.uint64)
        turn = np.empty(len(owner), np.int64)
        for epoch in range(c.epochs):
            deal(state, turn, BLOCKS)
            _pass(state, turn, owner, x.indptr, x.indices, users, items, c.negatives, c.learning_rate, c.reg)
            ctx.progress(epoch + 1, c.epochs)
        known = np.unique(x.indices)
        self.item_factors_ = np.zeros_like(items)
        self.item_factors_[order[known]] = items[known]
        self.known_ = np.zeros(len(order), bool)
        self.known_[order[known]] = True
        self.negatives_: Ints = order[known]

    def fold_in(self, requests: Requests) -> Floats:
        """float64[B, d+1], each request's vector, learned from its history; zero without known past items."""
        c = self.config
        past = distinct(within(requests.history, self.known_)).last(c.max_len)
        out = np.zeros((len(past), c.factors + 1))
        _fold_in(
            past.offsets, past.item, self.negatives_, self.item_factors_, c.negatives, c.fold_in_epochs,
            c.learning_rate, c.reg, out,
        )  # fmt: skip
        return out

    def similar_block(self, items: Ints) -> Floats:
        """float32[n, M], cosine between item vectors without their biases; NaN where either item had no events."""
        return cosine_rows(np.ascontiguousarray(self.item_factors_[:, :-1]), items)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _pass(
    state: Array, order: Array, owner: Array, indptr: Array, indices: Array, users: Array, items: Array,
    negatives: int, rate: float, reg: float,
) -> None:  # fmt: skip
    """One epoch over all events in the given order; users who had everything are told no "no"."""
    n_items, d = items.shape[0], items.shape[1] - 1
    step, keep = np.float32(rate), np.float32(1.0 - rate * reg)
    for e in order:
        u = owner[e]
        start, stop = indptr[u], indptr[u + 1]
        for answer in range(negatives + 1):
            if answer == 0:
                i, truth = np.int64(indices[e]), np.float32(1)
            elif stop - start < n_items:
                i, truth = np.int64(not_had(state, indices, start, stop, n_items)), np.float32(0)
            else:
                break
            mine, asked = users[u], items[i]
            odds = asked[d]
            for f in range(d):
                odds += mine[f] * asked[f]
            pull = step * (truth - np.float32(1) / (np.float32(1) + np.exp(-odds)))
            asked[d] = keep * asked[d] + pull
            for f in range(d):
                x, y = mine[f], asked[f]
                mine[f] = keep * x + pull * y
                asked[f] = keep * y + pull * x


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _fold_in(
    offsets: Array, past: Array, known: Array, items: Array, negatives: int, epochs: int, rate: float, reg: float,
    out: Array,
) -> None:  # fmt: skip
    """User vectors float64[B, d+1] by the same steps with items held still; the mean over the later passes is kept.

    Every request starts its draws alike, so an answer depends on its own history alone.
    """
    d = items.shape[1] - 1
    x = np.empty(d)
    had = np.zeros(items.shape[0], np.bool_)
    state = np.empty(1, np.uint64)
    for b in range(len(offsets) - 1):
        start, stop = offsets[b], offsets[b + 1]
        if start == stop or stop - start == len(known):
            continue
        had[past[start:stop]] = True
        state[0] = np.uint64(0)
        x[:] = 0.0
        first_kept = (epochs + 1) // 2
        for epoch in range(epochs):
            for p in range(start, stop):
                for answer in range(negatives + 1):
                    i = past[p]
                    if answer > 0:
                        i = known[below(state, len(known))]
                        while had[i]:
                            i = known[below(state, len(known))]
                    odds = float(items[i, d])
                    for f in range(d):
                        odds += x[f] * items[i, f]
                    pull = (1.0 if answer == 0 else 0.0) - 1.0 / (1.0 + np.exp(-odds))
                    for f in range(d):
                        x[f] += rate * (pull * items[i, f] - reg * x[f])
                if epoch >= first_kept:
                    for f in range(d):
                        out[b, f] += x[f]
        for f in range(d):
            out[b, f] /= (epochs - first_kept) * (stop - start)
        out[b, d] = 1.0
        had[past[start:stop]] = False
