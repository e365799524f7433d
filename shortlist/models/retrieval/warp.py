"""WARP: matrix factorisation that looks for mistakes near the top of the list and corrects those hardest.

For every event, random items the user never had are drawn until one scores within a margin of the item they took; the
fewer draws that takes, the lower the item must rank, and the larger the step. It cares for the top of the list where
`bpr` cares for all pairs alike, at the price of more draws the better it gets; like it, it knows nothing of order or
time, and where sequence matters `trails` answers better.

Paper: Weston, Bengio, Usunier, "WSABIE: Scaling Up to Large Vocabulary Image Annotation", IJCAI 2011.
Cost: 2*d flops per draw, 10*d per step on one core, in a fixed order, so that a seed fixes the result; memory
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
from shortlist.models.retrieval._sampling import BLOCKS, below, deal, has
from shortlist.models.retrieval._start import natural_matrix


class Config(ModelConfig):
    """Settings of `Warp`."""

    factors: int = Field(default=32, ge=1, le=1024)
    """Length of the vectors, d."""
    learning_rate: float = Field(default=0.02, gt=0)
    """Size of a step for a mistake at the very top of the list."""
    reg: float = Field(default=0.03, ge=0)
    """How much each touched vector shrinks per step, times the learning rate."""
    margin: float = Field(default=1.0, gt=0)
    """By how much the item taken must score above others."""
    max_draws: int = Field(default=20, ge=1)
    """Items looked at for a mistake before an event counts as learned; the time of a fit grows with it."""
    epochs: int = Field(default=30, ge=1)
    """Passes over all events."""
    fold_in_epochs: int = Field(default=5, ge=2)
    """Passes over a history when the vector of its user is learned for a request."""
    max_len: int = Field(default=500, ge=1)
    """Latest distinct items of a history that are read for an answer."""
    init_scale: float = Field(default=0.1, gt=0)
    """Standard deviation of the start."""


class Warp(ItemFactorModel):
    """Factorisation by weighted approximate-rank pairwise loss.

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
        size = rank_weights(x.shape[1])
        turn = np.empty(len(owner), np.int64)
        for epoch in range(c.epochs):
            deal(state, turn, BLOCKS)
            _pass(
                state, turn, owner, x.indptr, x.indices, users, items, size, c.learning_rate, c.reg, c.margin,
                c.max_draws,
            )  # fmt: skip
            ctx.progress(epoch + 1, c.epochs)
        known = np.unique(x.indices)
        self.item_factors_ = np.zeros_like(items)
        self.item_factors_[order[known]] = items[known]
        self.known_ = np.zeros(len(order), bool)
        self.known_[order[known]] = True
        self.negatives_: Ints = order[known]

    def fold_in(self, requests: Requests) -> Floats:
        """float64[B, d], each request's vector, learned from its history; zero without known past items."""
        c = self.config
        past = distinct(within(requests.history, self.known_)).last(c.max_len)
        out = np.zeros((len(past), c.factors))
        _fold_in(
            past.offsets, past.item, self.negatives_, self.item_factors_, rank_weights(len(self.negatives_)),
            c.fold_in_epochs, c.learning_rate, c.reg, c.margin, c.max_draws, out,
        )  # fmt: skip
        return out


def rank_weights(n: int) -> Floats:
    """float32[n+1], size of a step for a mistake at rank r: 1 + 1/2 + ... + 1/r, over that sum for rank n."""
    sums = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, n + 1))])
    weights: Floats = (sums / max(sums[-1], 1.0)).astype(np.float32)
    return weights


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _pass(
    state: Array, order: Array, owner: Array, indptr: Array, indices: Array, users: Array, items: Array, size: Array,
    rate: float, reg: float, margin: float, max_draws: int,
) -> None:  # fmt: skip
    """One epoch over all events in the given order; users who had everything are skipped."""
    n_items, d = items.shape
    keep, gap_wanted = np.float32(1.0 - rate * reg), np.float32(margin)
    for e in order:
        u, i = owner[e], indices[e]
        start, stop = indptr[u], indptr[u + 1]
        others = n_items - (stop - start)
        if others == 0:
            continue
        mine, taken = users[u], items[i]
        score = np.float32(0)
        for f in range(d):
            score += mine[f] * taken[f]
        for draw in range(1, max_draws + 1):
            j = below(state, n_items)
            other = items[j]
            theirs = np.float32(0)
            for f in range(d):
                theirs += mine[f] * other[f]
            # The search whether the user had it costs more than the score, so it comes second.
            if theirs > score - gap_wanted and not has(indices, start, stop, j):
                step = np.float32(rate) * size[max(1, others // draw)]
                for f in range(d):
                    x, y, z = mine[f], taken[f], other[f]
                    mine[f] = keep * x + step * (y - z)
                    taken[f] = keep * y + step * x
                    other[f] = keep * z - step * x
                break


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _fold_in(
    offsets: Array, past: Array, negatives: Array, items: Array, size: Array, epochs: int, rate: float, reg: float,
    margin: float, max_draws: int, out: Array,
) -> None:  # fmt: skip
    """User vectors float64[B, d] by the same steps with items held still; the mean over the later passes is kept.

    Every request starts its draws alike, so an answer depends on its own history alone.
    """
    d = items.shape[1]
    x = np.empty(d)
    had = np.zeros(items.shape[0], np.bool_)
    state = np.empty(1, np.uint64)
    for b in range(len(offsets) - 1):
        start, stop = offsets[b], offsets[b + 1]
        others = len(negatives) - (stop - start)
        if start == stop or others == 0:
            continue
        had[past[start:stop]] = True
        state[0] = np.uint64(0)
        x[:] = 0.0
        first_kept = (epochs + 1) // 2
        for epoch in range(epochs):
            for p in range(start, stop):
                i = past[p]
                mine = 0.0
                for f in range(d):
                    mine += x[f] * items[i, f]
                for draw in range(1, max_draws + 1):
                    j = negatives[below(state, len(negatives))]
                    if had[j]:
                        continue
                    theirs = 0.0
                    for f in range(d):
                        theirs += x[f] * items[j, f]
                    if theirs > mine - margin:
                        step = rate * size[max(1, others // draw)]
                        for f in range(d):
                            x[f] += step * (items[i, f] - items[j, f]) - rate * reg * x[f]
                        break
                if epoch >= first_kept:
                    for f in range(d):
                        out[b, f] += x[f]
        for f in range(d):
            out[b, f] /= (epochs - first_kept) * (stop - start)
        had[past[start:stop]] = False
