"""FunkSVD: one factor after another, each fitted to what the ones before left over.

It starts from damped means of items and users. Then the first factor explains what it can of the rest, the second what
is still left, and so on, so earlier factors matter more and adding one never moves the others: that is the use of it.
Learning all factors together (`svd`) comes closer to the ratings.

Source: Funk, "Netflix Update: Try This at Home", 2006 (a web page, not a paper).
Cost: about 10 flops per rating, factor and epoch on one core, in an order that the seed fixes; memory 4*(U + M)*d
bytes and 8 per rating. Predicts stars; for lists use `als` or `trails`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numba import njit
from pydantic import Field

from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, Floats, Ints
from shortlist.models.base import ModelConfig
from shortlist.models.ratings import Fitted, RatingConfig, RatingModel, Ratings, standardised


class Config(RatingConfig):
    """Settings of `FunkSvd`."""

    factors: int = Field(default=20, ge=1, le=1024)
    """Number of factors, d, learned one after another."""
    epochs: int = Field(default=30, ge=1)
    """Passes over all ratings for each factor."""
    learning_rate: float = Field(default=0.02, gt=0)
    """Size of a gradient step."""
    reg: float = Field(default=0.1, ge=0)
    """Weight of the squared length of the factors, once per rating, against errors in standard deviations."""
    damping: float = Field(default=5.0, ge=0)
    """Ratings of nothing but the mean that are added to those of every item and user before their means are taken."""
    init_scale: float = Field(default=0.1, gt=0)
    """What each factor starts from."""


class FunkSvd(RatingModel):
    """Damped means and factors learned in turn; learned attributes as in `RatingModel`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def learn_ratings(self, ratings: Ratings, ctx: FitContext) -> Fitted:
        """Take the means, then learn the factors in turn."""
        c = self.config
        rng = np.random.default_rng(ctx.seed)
        unit = standardised(ratings, self.mean_, self.scale_)
        n_users, n_items = len(unit.users), len(unit.items)
        left = unit.value.astype(np.float64)
        item_bias = _damped_mean(unit.item, left, n_items, c.damping)
        left -= item_bias[unit.item]
        user_bias = _damped_mean(unit.user, left, n_users, c.damping)
        rest = (left - user_bias[unit.user]).astype(np.float32)
        p, q = np.empty((n_users, c.factors), np.float32), np.empty((n_items, c.factors), np.float32)
        for factor in range(c.factors):
            x, y = (rng.normal(scale=c.init_scale, size=n).astype(np.float32) for n in (n_users, n_items))
            for _ in range(c.epochs):
                _pass(rng.permutation(len(rest)), unit.user, unit.item, rest, x, y, c.learning_rate, c.reg)
            rest -= x[unit.user] * y[unit.item]
            p[:, factor], q[:, factor] = x, y
            ctx.progress(factor + 1, c.factors)
        return Fitted(user_bias, item_bias, p, q)


def _damped_mean(index: Ints, value: Floats, n: int, damping: float) -> Floats:
    """float64[n], sums of the values per index over their number plus `damping`; 0 where there are none."""
    count = np.bincount(index, minlength=n)
    total: Floats = np.bincount(index, value, minlength=n) / np.maximum(count + damping, 1e-12)
    return total


@njit(cache=True, nogil=True)
def _pass(order: Array, user: Array, item: Array, rest: Array, x: Array, y: Array, rate: float, reg: float) -> None:
    """One epoch of one factor: `x` float32[U] and `y` float32[M] move towards rest = x*y."""
    step, shrink = np.float32(rate), np.float32(reg)
    for e in order:
        u, i = user[e], item[e]
        a, b = x[u], y[i]
        gap = rest[e] - a * b
        x[u] = a + step * (gap * b - shrink * a)
        y[i] = b + step * (gap * a - shrink * b)
