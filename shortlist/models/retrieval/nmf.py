"""NMF of ratings: vectors without negative numbers, so that a rating is a sum of parts and parts can be read.

Users and items are solved in turn by coordinate descent: each number is set to its best value with the others held
still, or to zero where that would be negative. There are no learning rate and no biases; `svd` comes closer to the
ratings, NMF is for looking at what the factors mean.

Paper: Lee, Seung, "Learning the Parts of Objects by Non-negative Matrix Factorization", Nature 1999; coordinate descent
after Hsieh, Dhillon, KDD 2011.
Cost: about 6*d flops per rating and pass, on any number of threads with one result; memory 4*(U + M)*d bytes.
Ratings must not be negative. Predicts stars; for lists use `als` or `trails`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numba import njit
from pydantic import Field

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadRow
from shortlist.core.types import Array, Floats, Ints
from shortlist.models.base import ModelConfig
from shortlist.models.parallel import in_ranges
from shortlist.models.ratings import Fitted, RatingConfig, RatingModel, Ratings


class Config(RatingConfig):
    """Settings of `Nmf`."""

    factors: int = Field(default=15, ge=1, le=1024)
    """Length of the vectors, d."""
    epochs: int = Field(default=50, ge=1)
    """Passes over all ratings, each over users and then items."""
    reg: float = Field(default=0.1, ge=0)
    """Weight of the squared length of the vectors, once per rating, against errors in standard deviations."""
    fold_in_epochs: int = Field(default=20, ge=1)
    """Passes over a stranger's history when their vector is solved for a request."""


class Nmf(RatingModel):
    """Non-negative factors by coordinate descent.

    Learned attributes as in `RatingModel`, `user_factors_` and `item_factors_` without negative numbers.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn_ratings(self, ratings: Ratings, ctx: FitContext) -> Fitted:
        """Solve users and items in turn, `epochs` times.

        Raises:
            BadRow: a rating is negative.
        """
        if self.low_ < 0:
            raise BadRow(
                f"NMF needs ratings that are not negative; the lowest is {self.low_:g}.",
                hint="Use svd, or shift the ratings.",
            )
        c = self.config
        self.centre_ = self.to_raw(self.mean_)
        rng = np.random.default_rng(ctx.seed)
        # Products start near the mean rating.
        around = np.sqrt(self.centre_ / c.factors)
        users, items = (
            (around * rng.uniform(0.5, 1.5, size=(len(places), c.factors))).astype(np.float32)
            for places in (ratings.users, ratings.items)
        )
        value = (ratings.value / self.scale_).astype(np.float32)
        by_user = (ratings.indptr, ratings.item, value)
        order = np.argsort(ratings.item, kind="stable")
        starts = np.searchsorted(ratings.item[order], np.arange(len(items) + 1)).astype(np.int64)
        by_item = (starts, ratings.user[order], value[order])
        for epoch in range(c.epochs):
            _half(by_user, items, users, c.reg, ctx.threads)
            _half(by_item, users, items, c.reg, ctx.threads)
            ctx.progress(epoch + 1, c.epochs)
        return Fitted(None, None, users, items)

    def to_rating(self, raw: Floats) -> Floats:
        """Raw values are ratings in standard deviations, counted from 0."""
        return self.scale_ * raw

    def to_raw(self, rating: float) -> float:
        """The inverse."""
        return rating / self.scale_

    def _stranger(self, items: Ints) -> tuple[float, Floats]:
        """Like the ridge of `RatingModel`, without negative numbers."""
        c = self.config
        liked = np.full(len(items), self.to_raw(self.liked_), np.float32)
        d = self.item_factors_.shape[1]
        vector = np.full((1, d), np.sqrt(max(self.centre_, 1e-6) / d), np.float32)
        span = np.array([0, len(items)], np.int64)
        for _ in range(c.fold_in_epochs):
            _descend(0, 1, span, np.asarray(items), liked, self.item_factors_, vector, c.reg)
        return 0.0, vector[0].astype(np.float64)


def _half(rows: tuple[Array, Array, Array], fixed: Floats, out: Floats, reg: float, threads: int) -> None:
    """One pass over all rows of `out`."""

    def work(start: int, stop: int) -> None:
        _descend(start, stop, *rows, fixed, out, reg)

    in_ranges(work, len(out), threads=threads)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _descend(
    start: int, stop: int, indptr: Array, other: Array, value: Array, fixed: Array, out: Array, reg: float
) -> None:
    """Set the numbers of rows start..stop of `out` one after another to the best that is not negative."""
    d = out.shape[1]
    for r in range(start, stop):
        first, last = indptr[r], indptr[r + 1]
        n = last - first
        if n == 0:
            continue
        gap = np.empty(n, np.float32)
        for t in range(n):
            product = np.float32(0)
            for f in range(d):
                product += out[r, f] * fixed[other[first + t], f]
            gap[t] = value[first + t] - product
        for f in range(d):
            mine = out[r, f]
            above, below = np.float32(0), np.float32(reg * n)
            for t in range(n):
                y = fixed[other[first + t], f]
                above += y * (gap[t] + mine * y)
                below += y * y
            best = max(above / below, np.float32(0)) if below > 0 else np.float32(0)
            for t in range(n):
                gap[t] -= (best - mine) * fixed[other[first + t], f]
            out[r, f] = best
