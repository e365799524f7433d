"""PMF: ratings as noise around a product of two vectors, squeezed into the scale by a logistic curve.

Priors around zero hold the vectors short, and the curve keeps every answer inside the scale. No biases: the plainest of
the rating models, behind `svd` where users or items differ in level, which is nearly everywhere.

Paper: Salakhutdinov, Mnih, "Probabilistic Matrix Factorization", NIPS 2007.
Cost: about 10*d flops per rating and epoch on one core, in an order that the seed fixes; memory 4*(U + M)*d bytes.
Predicts stars; for lists use `als` or `trails`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from numba import njit
from pydantic import Field

from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, Floats
from shortlist.models.base import ModelConfig
from shortlist.models.ratings import Fitted, RatingConfig, RatingModel, Ratings, started

EDGE = 0.02
"""How near to the ends of the scale, as a share of it, a rating is put when its raw value is asked for."""


class Config(RatingConfig):
    """Settings of `Pmf`."""

    factors: int = Field(default=10, ge=1, le=1024)
    """Length of the vectors, d."""
    epochs: int = Field(default=60, ge=1)
    """Passes over all ratings."""
    learning_rate: float = Field(default=0.4, gt=0)
    """Size of a gradient step in the first epoch."""
    decay: float = Field(default=0.97, gt=0, le=1)
    """What the learning rate is multiplied by after each epoch."""
    reg: float = Field(default=0.005, ge=0)
    """Weight of the squared length of the vectors, once per rating, against errors in shares of the scale: the noise
    of ratings over the spread of the prior."""
    init_scale: float = Field(default=0.1, gt=0)
    """Standard deviation of the start."""


class Pmf(RatingModel):
    """Probabilistic matrix factorisation by stochastic gradient descent; learned attributes as in `RatingModel`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def learn_ratings(self, ratings: Ratings, ctx: FitContext) -> Fitted:
        """Pass over the ratings `epochs` times."""
        c = self.config
        rng, p, q = started(ratings, c.factors, c.init_scale, ctx.seed)
        share = ((ratings.value.astype(np.float64) - self.low_) / self._width).astype(np.float32)
        unit = replace(ratings, value=share)
        rate = c.learning_rate
        for epoch in range(c.epochs):
            order = rng.permutation(len(share))
            _pass(order, unit.user, unit.item, unit.value, self._middle, p, q, rate, c.reg)
            rate *= c.decay
            ctx.progress(epoch + 1, c.epochs)
        return Fitted(None, None, p, q)

    @property
    def _width(self) -> float:
        return (self.high_ - self.low_) or 1.0

    @property
    def _middle(self) -> float:
        """Raw value of the mean rating."""
        return self._logit(self.mean_)

    def _logit(self, rating: float) -> float:
        share = min(max((rating - self.low_) / self._width, EDGE), 1.0 - EDGE)
        return float(np.log(share / (1.0 - share)))

    def to_rating(self, raw: Floats) -> Floats:
        """low + width / (1 + e^-(middle + raw)): a raw value of 0 is the mean."""
        rating: Floats = self.low_ + self._width / (1.0 + np.exp(-np.clip(raw + self._middle, -500.0, 500.0)))
        return rating

    def to_raw(self, rating: float) -> float:
        """The inverse; ratings at the ends of the scale are moved in a little."""
        return self._logit(rating) - self._middle


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _pass(
    order: Array, user: Array, item: Array, value: Array, middle: float, p: Array, q: Array, rate: float, reg: float
) -> None:
    """One epoch over all ratings in the given order."""
    d = p.shape[1]
    step, shrink, centre = np.float32(rate), np.float32(reg), np.float32(middle)
    for e in order:
        u, i = user[e], item[e]
        raw = centre
        for f in range(d):
            raw += p[u, f] * q[i, f]
        share = np.float32(1) / (np.float32(1) + np.exp(-raw))
        pull = (value[e] - share) * share * (np.float32(1) - share)
        for f in range(d):
            x, y = p[u, f], q[i, f]
            p[u, f] = x + step * (pull * y - shrink * x)
            q[i, f] = y + step * (pull * x - shrink * y)
