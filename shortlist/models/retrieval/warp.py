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

from shortlist.core.types import Array, Floats, History, Ints
from shortlist.models.base import ModelConfig
from shortlist.models.retrieval._sampled import SampledConfig, SampledFactorModel
from shortlist.models.retrieval._sampling import below, has, owner


class Config(SampledConfig):
    """Settings of `Warp`."""

    learning_rate: float = Field(default=0.02, gt=0)
    """Size of a step for a mistake at the very top of the list."""
    reg: float = Field(default=0.03, ge=0)
    """How much each touched vector shrinks per step, times the learning rate."""
    margin: float = Field(default=1.0, gt=0)
    """By how much the item taken must score above others."""
    max_draws: int = Field(default=20, ge=1)
    """Items looked at for a mistake before an event counts as learned; the time of a fit grows with it."""


class Warp(SampledFactorModel):
    """Factorisation by weighted approximate-rank pairwise loss; learned attributes as in `SampledFactorModel`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def one_pass(self, state: Array, turn: Ints, indptr: Ints, indices: Ints, users: Floats, items: Floats) -> None:
        """A step for each event for which a mistake is found."""
        c = self.config
        size = rank_weights(len(items))
        _pass(state, turn, indptr, indices, users, items, size, c.learning_rate, c.reg, c.margin, c.max_draws)

    def fold_in_steps(self, past: History, out: Floats) -> None:
        """The same steps with the items held still."""
        c = self.config
        _fold_in(
            past.offsets, past.item, self.negatives_, self.item_factors_, rank_weights(len(self.negatives_)),
            c.fold_in_epochs, c.learning_rate, c.reg, c.margin, c.max_draws, out,
        )  # fmt: skip


def rank_weights(n: int) -> Floats:
    """float32[n+1], size of a step for a mistake at rank r: 1 + 1/2 + ... + 1/r, over that sum for rank n."""
    sums = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, n + 1))])
    weights: Floats = (sums / max(sums[-1], 1.0)).astype(np.float32)
    return weights


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _pass(
    state: Array, order: Array, indptr: Array, indices: Array, users: Array, items: Array, size: Array, rate: float,
    reg: float, margin: float, max_draws: int,
) -> None:  # fmt: skip
    """One epoch over all events in the given order; users who had everything are skipped."""
    n_items, d = items.shape
    keep, gap_wanted = np.float32(1.0 - rate * reg), np.float32(margin)
    mine = np.empty(d, np.float32)
    u = 0
    for e in order:
        u = owner(indptr, e, u)
        start, stop = indptr[u], indptr[u + 1]
        others = n_items - (stop - start)
        if others == 0:
            continue
        # Unsigned numbers are not tested for being negative, and a row that is not sliced is not counted as in use:
        # together a quarter of the time.
        row, i = np.uint64(u), np.uint64(indices[e])
        bar = -gap_wanted
        for f in range(d):
            mine[f] = users[row, f]
            bar += mine[f] * items[i, f]
        for draw in range(1, max_draws + 1):
            j = np.uint64(below(state, n_items))
            theirs = np.float32(0)
            for f in range(d):
                theirs += mine[f] * items[j, f]
            # The search whether the user had it costs more than the score, so it comes second.
            if theirs > bar and not has(indices, start, stop, np.int64(j)):
                step = np.float32(rate) * size[max(1, others // draw)]
                for f in range(d):
                    x, y, z = mine[f], items[i, f], items[j, f]
                    users[row, f] = keep * x + step * (y - z)
                    items[i, f] = keep * y + step * x
                    items[j, f] = keep * z - step * x
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
