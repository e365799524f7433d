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

from shortlist.core.types import Array, Floats, History, Ints
from shortlist.models.base import ModelConfig
from shortlist.models.retrieval._sampled import SampledConfig, SampledFactorModel
from shortlist.models.retrieval._sampling import below, not_had, owner


class Config(SampledConfig):
    """Settings of `Bpr`."""


class Bpr(SampledFactorModel):
    """Pairwise matrix factorisation; learned attributes as in `SampledFactorModel`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def one_pass(self, state: Array, turn: Ints, indptr: Ints, indices: Ints, users: Floats, items: Floats) -> None:
        """A step for each event and one random item the user never had."""
        c = self.config
        _pass(state, turn, indptr, indices, users, items, c.learning_rate, c.reg)

    def fold_in_steps(self, past: History, out: Floats) -> None:
        """The same steps with the items held still."""
        c = self.config
        _fold_in(
            past.offsets, past.item, self.negatives_, self.item_factors_, c.fold_in_epochs, c.learning_rate, c.reg, out
        )


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _pass(
    state: Array, order: Array, indptr: Array, indices: Array, users: Array, items: Array, rate: float, reg: float
) -> None:  # fmt: skip
    """One epoch over all events in the given order; users who had everything are skipped."""
    n_items, d = items.shape
    step, keep = np.float32(rate), np.float32(1.0 - rate * reg)
    u = 0
    for e in order:
        u = owner(indptr, e, u)
        start, stop = indptr[u], indptr[u + 1]
        if stop - start == n_items:
            continue
        # Unsigned, as in `warp`.
        row, i, j = np.uint64(u), np.uint64(indices[e]), np.uint64(not_had(state, indices, start, stop, n_items))
        gap = np.float32(0)
        for f in range(d):
            gap += users[row, f] * (items[i, f] - items[j, f])
        pull = step / (np.float32(1) + np.exp(gap))
        for f in range(d):
            x, y, z = users[row, f], items[i, f], items[j, f]
            users[row, f] = keep * x + pull * (y - z)
            items[i, f] = keep * y + pull * x
            items[j, f] = keep * z - pull * x


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
