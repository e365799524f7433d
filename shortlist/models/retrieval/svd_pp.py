"""SVD++: `svd` plus what it says about a user that they rated these items at all, whatever the stars.

Beside its own vector each item has a second one, and a user is their own vector plus the mean-like sum of the second
vectors of everything they rated. The most exact of the factor models of ratings here, and the only one that knows
strangers by nature: a history without ratings is just what the second vectors read.

Paper: Koren, "Factorization Meets the Neighborhood: a Multifaceted Collaborative Filtering Model", KDD 2008.
Cost: about 14*d flops per rating and epoch, not d per rating and past item: within a user all second vectors move
alike, so their sum is carried and they are touched once a user, with the same result. Memory 4*(U + 2*M)*d bytes.
Predicts stars; for lists use `als` or `trails`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numba import njit
from pydantic import Field

from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, Floats, Requests
from shortlist.models.base import ModelConfig
from shortlist.models.history import history_matrix
from shortlist.models.ratings import Fitted, RatingConfig, RatingModel, Ratings, standardised, started


class Config(RatingConfig):
    """Settings of `SvdPp`."""

    factors: int = Field(default=20, ge=1, le=1024)
    """Length of the vectors, d."""
    epochs: int = Field(default=40, ge=1)
    """Passes over all ratings."""
    learning_rate: float = Field(default=0.02, gt=0)
    """Size of a gradient step in the first epoch."""
    decay: float = Field(default=0.95, gt=0, le=1)
    """What the learning rate is multiplied by after each epoch."""
    reg: float = Field(default=0.1, ge=0)
    """Weight of the squared length of the parameters, once per rating, against errors in standard deviations."""
    init_scale: float = Field(default=0.1, gt=0)
    """Standard deviation of the start."""
    max_len: int = Field(default=10_000, ge=1)
    """Latest distinct items of a history that are read for an answer; the fit reads all."""


class SvdPp(RatingModel):
    """Biases, factors and second item vectors by stochastic gradient descent.

    Learned beside those of `RatingModel`, whose `user_factors_` are whole vectors as of the fit: `own_factors_`
    float32[U, d], the users' part without the items they rated; `second_factors_` float32[M, d], the items' second
    vectors.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn_ratings(self, ratings: Ratings, ctx: FitContext) -> Fitted:
        """Pass over the ratings `epochs` times, user by user."""
        c = self.config
        rng, own, q = started(ratings, c.factors, c.init_scale, ctx.seed)
        second = rng.normal(scale=c.init_scale, size=q.shape).astype(np.float32)
        user_bias, item_bias = np.zeros(len(own), np.float32), np.zeros(len(q), np.float32)
        unit = standardised(ratings, self.mean_, self.scale_)
        rate = c.learning_rate
        for epoch in range(c.epochs):
            # Users in a random order, and each one's ratings in a random order.
            turn = rng.permutation(len(own))
            order = np.lexsort((rng.random(len(unit.value)), turn[unit.user]))
            _pass(
                order, unit.user, unit.item, unit.value, unit.indptr, user_bias, item_bias, own, q, second, rate, c.reg
            )
            rate *= c.decay
            ctx.progress(epoch + 1, c.epochs)
        rated = np.unique(unit.item)
        self.own_factors_: Floats = np.zeros_like(own)
        self.own_factors_[ratings.users] = own * (np.diff(unit.indptr) > 0)[:, None]
        self.second_factors_: Floats = np.zeros_like(second)
        self.second_factors_[ratings.items[rated]] = second[rated]
        return Fitted(user_bias, item_bias, own + _sums(unit.indptr, unit.item, second), q)

    def user_parameters(self, requests: Requests) -> tuple[Floats, Floats, Array]:
        """Biases float64[B] and vectors float64[B, d] of who asks, and bool[B], whether anything is known of them.

        The user's own part comes from the fit, zero for strangers; the other from the history of the request, so that
        an event of a minute ago counts. Nothing is assumed about its stars.
        """
        inside = (requests.user >= 0) & (requests.user < self.n_users_)
        place = np.where(inside, requests.user, 0)
        known = inside & self.known_users_[place]
        past = history_matrix(self._read(requests), self.known_)
        vector = _sums(past.indptr, past.indices, self.second_factors_).astype(np.float64)
        vector += np.where(known[:, None], self.own_factors_[place], 0.0)
        return np.where(known, self.user_bias_[place], 0.0), vector, known | (np.diff(past.indptr) > 0)


@njit(cache=True, nogil=True)
def _sums(indptr: Array, item: Array, second: Array) -> Array:
    """float32[B, d], the second vectors of each row's items, added up and divided by the root of their number."""
    d = second.shape[1]
    out = np.zeros((len(indptr) - 1, d), np.float32)
    for b in range(len(out)):
        start, stop = indptr[b], indptr[b + 1]
        if start == stop:
            continue
        for t in range(start, stop):
            for f in range(d):
                out[b, f] += second[item[t], f]
        root = np.float32(np.sqrt(stop - start))
        for f in range(d):
            out[b, f] /= root
    return out


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _pass(
    order: Array, user: Array, item: Array, value: Array, indptr: Array, user_bias: Array, item_bias: Array,
    own: Array, q: Array, second: Array, rate: float, reg: float,
) -> None:  # fmt: skip
    """One epoch over all ratings; `order` keeps the ratings of a user together.

    A step on a rating turns every second vector y of the user into keep*y + step*gap*q/sqrt(n), and their sum over
    sqrt(n), which is what predictions read, into keep*sum + step*gap*q. So `moved` gathers what is added to the sum,
    and the n vectors get their common share once, at the end.
    """
    d = own.shape[1]
    step, shrink = np.float32(rate), np.float32(reg)
    keep = np.float32(1) - step * shrink
    whole, moved = np.empty(d, np.float32), np.empty(d, np.float32)
    at = 0
    while at < len(order):
        u = user[order[at]]
        first, last = indptr[u], indptr[u + 1]
        n = last - first
        root = np.float32(np.sqrt(n))
        whole[:] = np.float32(0)
        moved[:] = np.float32(0)
        for t in range(first, last):
            y = second[item[t]]
            for f in range(d):
                whole[f] += y[f]
        for f in range(d):
            whole[f] /= root
        for e in order[at : at + n]:
            i = item[e]
            product = np.float32(0)
            for f in range(d):
                product += (own[u, f] + whole[f]) * q[i, f]
            gap = value[e] - user_bias[u] - item_bias[i] - product
            user_bias[u] += step * (gap - shrink * user_bias[u])
            item_bias[i] += step * (gap - shrink * item_bias[i])
            for f in range(d):
                x, y = own[u, f], q[i, f]
                own[u, f] = x + step * (gap * y - shrink * x)
                q[i, f] = y + step * (gap * (x + whole[f]) - shrink * y)
                whole[f] = keep * whole[f] + step * gap * y
                moved[f] = keep * moved[f] + step * gap * y
        kept = keep**n
        for f in range(d):
            moved[f] /= root
        for t in range(first, last):
            for f in range(d):
                second[item[t], f] = kept * second[item[t], f] + moved[f]
        at += n
