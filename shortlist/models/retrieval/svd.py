"""SVD of ratings: the mean, how generous the user is, how good the item is, and taste as a product of two vectors.

All parameters are moved together, one rating at a time, against the error and towards zero. The workhorse of rating
prediction since the Netflix prize; it predicts stars, and for lists `als` or `trails` answer better. (`pure_svd` is the
algebraic decomposition of what people chose; this one looks at rated pairs only.)

Paper: Koren, Bell, Volinsky, "Matrix Factorization Techniques for Recommender Systems", Computer 2009.
Cost: about 10*d flops per rating and epoch on one core, in an order that the seed fixes; memory 4*(U + M)*d bytes.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numba import njit
from pydantic import Field

from shortlist.core.contracts import FitContext
from shortlist.core.types import Array
from shortlist.models.base import ModelConfig
from shortlist.models.ratings import Fitted, RatingConfig, RatingModel, Ratings, standardised, started


class Config(RatingConfig):
    """Settings of `Svd`."""

    factors: int = Field(default=100, ge=1, le=1024)
    """Length of the vectors, d."""
    epochs: int = Field(default=40, ge=1)
    """Passes over all ratings."""
    learning_rate: float = Field(default=0.01, gt=0)
    """Size of a gradient step in the first epoch."""
    decay: float = Field(default=1.0, gt=0, le=1)
    """What the learning rate is multiplied by after each epoch."""
    reg: float = Field(default=0.1, ge=0)
    """Weight of the squared length of the parameters, once per rating, against errors in standard deviations."""
    biased: bool = True
    """Whether users and items have biases; without, everything beside the mean is left to the vectors."""
    init_scale: float = Field(default=0.1, gt=0)
    """Standard deviation of the start."""


class Svd(RatingModel):
    """Biases and factors by stochastic gradient descent; learned attributes as in `RatingModel`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def learn_ratings(self, ratings: Ratings, ctx: FitContext) -> Fitted:
        """Pass over the ratings `epochs` times."""
        c = self.config
        rng, p, q = started(ratings, c.factors, c.init_scale, ctx.seed)
        user_bias, item_bias = np.zeros(len(p), np.float32), np.zeros(len(q), np.float32)
        unit = standardised(ratings, self.mean_, self.scale_)
        rate = c.learning_rate
        for epoch in range(c.epochs):
            order = rng.permutation(len(unit.value))
            _pass(order, unit.user, unit.item, unit.value, user_bias, item_bias, p, q, rate, c.reg, c.biased)
            rate *= c.decay
            ctx.progress(epoch + 1, c.epochs)
        return Fitted(user_bias if c.biased else None, item_bias if c.biased else None, p, q)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _pass(
    order: Array, user: Array, item: Array, value: Array, user_bias: Array, item_bias: Array, p: Array, q: Array,
    rate: float, reg: float, biased: bool,
) -> None:  # fmt: skip
    """One epoch over all ratings in the given order."""
    d = p.shape[1]
    step, shrink = np.float32(rate), np.float32(reg)
    for e in order:
        u, i = user[e], item[e]
        product = np.float32(0)
        for f in range(d):
            product += p[u, f] * q[i, f]
        gap = value[e] - user_bias[u] - item_bias[i] - product
        if biased:
            user_bias[u] += step * (gap - shrink * user_bias[u])
            item_bias[i] += step * (gap - shrink * item_bias[i])
        for f in range(d):
            x, y = p[u, f], q[i, f]
            p[u, f] = x + step * (gap * y - shrink * x)
            q[i, f] = y + step * (gap * x - shrink * y)
