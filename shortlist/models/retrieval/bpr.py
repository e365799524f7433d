"""BPR: matrix factorisation that learns to put what a user did above what the user did not.

Every event is compared with a random item the user never had, and a step of gradient descent widens the gap between the
two scores. It optimises the order directly and needs more passes than `als`; like it, it knows nothing of order or
time, and where sequence matters `trails` answers better.

Paper: Rendle, Freudenthaler, Gantner, Schmidt-Thieme, "BPR: Bayesian Personalized Ranking from Implicit Feedback",
UAI 2009.
Cost: about 12*d flops per event and epoch on one core, in a fixed order, so that a seed fixes the result; memory
4*(U + M)*d bytes while fitting, 4*M*d after. Only items are kept: the vector of a user is learned from the history of
the request by the same steps with the items held still, so strangers and fresh events are served without a refit.
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
from shortlist.models.factors import ItemFactorModel
from shortlist.models.history import distinct, within
from shortlist.models.retrieval._sampling import BLOCKS, below, deal, not_had
from shortlist.models.retrieval._start import natural_matrix


class Config(ModelConfig):
    """Settings of `Bpr`."""

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


class Bpr(ItemFactorModel):
    """Pairwise matrix factorisation.

    Learned: `item_factors_` float32[M, d], zero for items without events; `known_` bool[M], items with events;
    `negatives_` int64[n], the items with events in natural order of their ids, from which fold-in draws.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Pass over all events `epochs` times in an order that the seed decides."""
        c = self.config
        x, order = natural_matrix(data, "binary")
        rng = np.random.default_rng(ctx.seed)
        users = rng.normal(scale=c.init_scale, size=(x.shape[0], c.factors)).astype(np.float32)
        items = rng.normal(scale=c.init_scale, size=(x.shape[1], c.factors)).astype(np.float32)
        owner = np.repeat(np.arange(x.shape[0], dtype=np.int32), np.diff(x.indptr))
        state = np.array([ctx.seed], np.uint64)
        turn = np.empty(len(owner), np.int64)
        for epoch in range(c.epochs):
            deal(state, turn, BLOCKS)
            _pass(state, turn, owner, x.indptr, x.indices, users, items, c.learning_rate, c.reg)
            ctx.progress(epoch + 1, c.epochs)
        self.item_factors_ = np.empty_like(items)
        self.item_factors_[order] = items
        self.known_ = np.zeros(len(order), bool)
        self.known_[order[np.unique(x.indices)]] = True
        self.item_factors_[~self.known_] = 0.0
        self.negatives_: Ints = order[np.unique(x.indices)]

    # --- answering ---------------------------------------------------------------------------------------------------

    def fold_in(self, requests: Requests) -> Floats:
        """float64[B, d], each request's vector, learned from its history; zero without known past items."""
        c = self.config
        past = distinct(within(requests.history, self.known_)).last(c.max_len)
        out = np.zeros((len(past), c.factors))
        _fold_in(
            past.offsets, past.item, self.negatives_, self.item_factors_, c.fold_in_epochs, c.learning_rate, c.reg, out
        )
        return out


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _pass(
    state: Array, order: Array, owner: Array, indptr: Array, indices: Array, users: Array, items: Array,
    rate: float, reg: float,
) -> None:  # fmt: skip
    """One epoch over all events in the given order; users who had everything are skipped."""
    n_items, d = items.shape
    step, keep = np.float32(rate), np.float32(1.0 - rate * reg)
    for e in order:
        u, i = owner[e], indices[e]
        start, stop = indptr[u], indptr[u + 1]
        if stop - start == n_items:
            continue
        j = not_had(state, indices, start, stop, n_items)
        mine, taken, other = users[u], items[i], items[j]
        gap = np.float32(0)
        for f in range(d):
            gap += mine[f] * (taken[f] - other[f])
        pull = step / (np.float32(1) + np.exp(gap))
        for f in range(d):
            x, y, z = mine[f], taken[f], other[f]
            mine[f] = keep * x + pull * (y - z)
            taken[f] = keep * y + pull * x
            other[f] = keep * z - pull * x


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _fold_in(
    offsets: Array, past: Array, negatives: Array, items: Array, epochs: int, rate: float, reg: float, out: Array
) -> None:
    """User vectors float64[B, d] by the same steps with items held still; the mean over the later passes is kept.

    Every request draws the same negatives, so an answer depends on its own history alone.
    """
    d = items.shape[1]
    x = np.empty(d)
    had = np.zeros(items.shape[0], np.bool_)
    state = np.empty(1, np.uint64)
    for b in range(len(offsets) - 1):
        start, stop = offsets[b], offsets[b + 1]
        if start == stop or stop - start == len(negatives):
            continue
        had[past[start:stop]] = True
        state[0] = np.uint64(0)
        x[:] = 0.0
        first_kept = (epochs + 1) // 2
        for epoch in range(epochs):
            for p in range(start, stop):
                i = past[p]
                j = negatives[below(state, len(negatives))]
                while had[j]:
                    j = negatives[below(state, len(negatives))]
                gap = 0.0
                for f in range(d):
                    gap += x[f] * (items[i, f] - items[j, f])
                pull = 1.0 / (1.0 + np.exp(gap))
                for f in range(d):
                    x[f] += rate * (pull * (items[i, f] - items[j, f]) - reg * x[f])
                if epoch >= first_kept:
                    for f in range(d):
                        out[b, f] += x[f]
        for f in range(d):
            out[b, f] /= (epochs - first_kept) * (stop - start)
        had[past[start:stop]] = False
