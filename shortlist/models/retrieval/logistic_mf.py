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

from shortlist.core.types import Array, Floats, History, Ints
from shortlist.models.base import ModelConfig
from shortlist.models.dense import cosine_rows
from shortlist.models.retrieval._sampled import SampledConfig, SampledFactorModel
from shortlist.models.retrieval._sampling import below, not_had, owner


class Config(SampledConfig):
    """Settings of `LogisticMf`; the bias does not count among the factors."""

    learning_rate: float = Field(default=0.02, gt=0)
    """Size of a gradient step."""
    negatives: int = Field(default=5, ge=1)
    """Random items a "no" is assumed for, per event."""


class LogisticMf(SampledFactorModel):
    """Factorisation by logistic regression in turn on both sides.

    Learned: as in `SampledFactorModel`, but `item_factors_` is float32[M, d+1], the last column being the bias.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def start(self, rng: np.random.Generator, n_users: int, n_items: int) -> tuple[Floats, Floats]:
        """Vectors as elsewhere and one coordinate more: 1 for a user, where it stays, and for an item its bias."""
        c = self.config
        users = rng.normal(scale=c.init_scale, size=(n_users, c.factors + 1)).astype(np.float32)
        items = rng.normal(scale=c.init_scale, size=(n_items, c.factors + 1)).astype(np.float32)
        users[:, -1], items[:, -1] = 1.0, 0.0
        return users, items

    def one_pass(self, state: Array, turn: Ints, indptr: Ints, indices: Ints, users: Floats, items: Floats) -> None:
        """A step for each event and for each of its assumed "no"."""
        c = self.config
        _pass(state, turn, indptr, indices, users, items, c.negatives, c.learning_rate, c.reg)

    def fold_in_steps(self, past: History, out: Floats) -> None:
        """The same steps with the items held still."""
        c = self.config
        _fold_in(
            past.offsets, past.item, self.negatives_, self.item_factors_, c.negatives, c.fold_in_epochs,
            c.learning_rate, c.reg, out,
        )  # fmt: skip

    def similar_block(self, items: Ints) -> Floats:
        """float32[n, M], cosine between item vectors without their biases; NaN where either item had no events."""
        return cosine_rows(np.ascontiguousarray(self.item_factors_[:, :-1]), items)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _pass(
    state: Array, order: Array, indptr: Array, indices: Array, users: Array, items: Array, negatives: int, rate: float,
    reg: float,
) -> None:  # fmt: skip
    """One epoch over all events in the given order; users who had everything are told no "no"."""
    n_items, d = items.shape[0], items.shape[1] - 1
    step, keep = np.float32(rate), np.float32(1.0 - rate * reg)
    u = 0
    for e in order:
        u = owner(indptr, e, u)
        start, stop = indptr[u], indptr[u + 1]
        for answer in range(negatives + 1):
            if answer == 0:
                i, truth = np.uint64(indices[e]), np.float32(1)
            elif stop - start < n_items:
                i, truth = np.uint64(not_had(state, indices, start, stop, n_items)), np.float32(0)
            else:
                break
            # Unsigned, as in `warp`.
            row, bias = np.uint64(u), np.uint64(d)
            odds = items[i, bias]
            for f in range(d):
                odds += users[row, f] * items[i, f]
            pull = step * (truth - np.float32(1) / (np.float32(1) + np.exp(-odds)))
            items[i, bias] = keep * items[i, bias] + pull
            for f in range(d):
                x, y = users[row, f], items[i, f]
                users[row, f] = keep * x + pull * y
                items[i, f] = keep * y + pull * x


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
