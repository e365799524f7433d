"""What models of ratings share: reading them from a log, predicting one, and lists by predicted rating.

A rating model writes the rating of user u for item i as a function of b_u + b_i + p_u . q_i and learns the four by what
people gave. Such models answer "how many stars", which is not "what next": on lists they are far behind models of what
people choose, so take one for a score beside an item and `trails` or `als` for the list. The log keeps the ratings, a
history of a request does not: known users are answered by what the fit stored, and for strangers every past item counts
as liked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadRow, StageError
from shortlist.core.types import Array, Floats, History, Ints, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.dense import cosine_rows, dot_rows
from shortlist.models.history import distinct, history_matrix, within
from shortlist.models.retrieval._start import natural_matrix, natural_order

CELLS = 4_000_000
"""Cells of one block of gathered vectors: 16 MB."""


class RatingConfig(ModelConfig):
    """Settings of every model of ratings."""

    factors: int = Field(default=50, ge=1, le=1024)
    """Length of the vectors, d."""
    epochs: int = Field(default=20, ge=1)
    """Passes over all ratings."""
    reg: float = Field(default=0.05, ge=0)
    """Weight of the squared length of the parameters, once per rating, against errors in standard deviations."""
    assumed_rating: float | None = None
    """What a past item of a stranger is taken to have been given, since histories carry no ratings; None is the mean
    of the ratings that are not below the mean."""
    max_len: int = Field(default=500, ge=1)
    """Latest distinct items of a stranger's history that are read for an answer."""


def is_rating(data: Dataset) -> Array:
    """bool[E], the events whose value is a rating: those of type "rating", or all where there is no such type."""
    events = data.interactions
    if "rating" in events.types:
        rated: Array = events.type == events.types.index("rating")
        if rated.any():
            return rated
    return np.ones(len(events), bool)


@dataclass(frozen=True)
class Ratings:
    """The latest rating of every pair, by user and then item, in natural order of the external ids.

    Attributes:
        user: int32[N], place in `users`.
        item: int32[N], place in `items`.
        value: float32[N].
        indptr: int64[U+1]; the ratings of place u are the rows indptr[u]:indptr[u+1].
        users: int64[U], the dense user of each place.
        items: int64[M], the dense item of each place.
    """

    user: Ints
    item: Ints
    value: Floats
    indptr: Ints
    users: Ints
    items: Ints

    @classmethod
    def of(cls, data: Dataset) -> Ratings:
        """The ratings of a log, see `is_rating`.

        Raises:
            BadRow: a value is not a finite number.
        """
        rated = is_rating(data)
        data = data if rated.all() else data.select(rated)
        events = data.interactions
        broken = np.flatnonzero(~np.isfinite(events.value))
        if len(broken):
            raise BadRow(
                f"{len(broken)} ratings of '{data.name}' are not finite numbers, the first of user "
                f"'{data.users.ids[events.user[broken[0]]]}'.",
                hint="Correct or drop those rows; find them with: shortlist doctor",
            )
        x, items = natural_matrix(data, "last")
        user = np.repeat(np.arange(x.shape[0], dtype=np.int32), np.diff(x.indptr))
        return cls(
            user, x.indices.astype(np.int32), x.data, x.indptr.astype(np.int64), natural_order(data.users), items
        )


@dataclass(frozen=True)
class Fitted:
    """What a rating model learns, in the places of `Ratings`; parameters of places without ratings do not matter.

    Attributes:
        user_bias: float[U], or None for a model without.
        item_bias: float[M], likewise.
        user_factors: float[U, d].
        item_factors: float[M, d].
    """

    user_bias: Floats | None
    item_bias: Floats | None
    user_factors: Floats
    item_factors: Floats


class RatingModel(CatalogueModel):
    """Predicted ratings, one or a catalogue at a time.

    Learned: `user_factors_` float32[U, d], `item_factors_` float32[M, d], `user_bias_` float64[U], `item_bias_`
    float64[M], all zero where there are no ratings; `known_users_` bool[U] and `known_` bool[M], who has ratings;
    `mean_`, `scale_` (standard deviation), `low_`, `high_` of the ratings; `liked_`, what an unrated event stands for;
    `centre_`, the raw value of pairs of which one side is unknown.

    Subclasses implement `learn_ratings` and, where a rating is not mean + scale * raw, `to_rating` and `to_raw`.
    """

    Config: ClassVar[type[ModelConfig]] = RatingConfig

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Read the ratings and learn their parameters in an order that the seed decides."""
        ratings = Ratings.of(data)
        value = ratings.value.astype(np.float64)
        self.mean_ = float(value.mean())
        # All ratings equal: there is no deviation to measure errors in.
        self.scale_ = float(value.std()) or 1.0
        self.low_, self.high_ = float(value.min()), float(value.max())
        assumed = self.config.assumed_rating
        self.liked_ = float(value[value >= self.mean_ - 1e-9].mean()) if assumed is None else float(assumed)
        self.centre_ = 0.0
        found = self.learn_ratings(ratings, ctx)
        self.known_users_: Array = np.zeros(self.n_users_, bool)
        self.known_users_[ratings.users[np.diff(ratings.indptr) > 0]] = True
        self.known_: Array = np.zeros(self.n_items_, bool)
        self.known_[ratings.items[np.unique(ratings.item)]] = True
        self.user_factors_ = _placed(found.user_factors, ratings.users, self.known_users_).astype(np.float32)
        self.item_factors_ = _placed(found.item_factors, ratings.items, self.known_).astype(np.float32)
        self.has_bias_ = found.user_bias is not None
        user_bias = np.zeros(self.n_users_) if found.user_bias is None else found.user_bias
        item_bias = np.zeros(self.n_items_) if found.item_bias is None else found.item_bias
        self.user_bias_ = _placed(user_bias, ratings.users, self.known_users_).astype(np.float64)
        self.item_bias_ = _placed(item_bias, ratings.items, self.known_).astype(np.float64)

    def learn_ratings(self, ratings: Ratings, ctx: FitContext) -> Fitted:
        """The parameters that fit `ratings`."""
        raise StageError(f"{type(self).__name__} does not implement learn_ratings().")

    def to_rating(self, raw: Floats) -> Floats:
        """The rating that a raw value b_u + b_i + p_u . q_i stands for, not yet cut to the scale."""
        return self.mean_ + self.scale_ * raw

    def to_raw(self, rating: float) -> float:
        """The raw value that a rating stands for."""
        return (rating - self.mean_) / self.scale_

    # --- answering ---------------------------------------------------------------------------------------------------

    def predict(self, user: int, item: int) -> float:
        """Expected rating, within the lowest and highest of the fit.

        Args:
            user: dense index; an unknown user has neither bias nor taste.
            item: dense index; the same. Where both are unknown, the mean of all ratings.

        Raises:
            NotFitted: before the first fit.
        """
        return float(self.predict_many(np.array([user]), np.array([item]))[0])

    def predict_many(self, user: Ints, item: Ints) -> Floats:
        """float64[N], expected ratings of pairs, as `predict`.

        Args:
            user: int64[N].
            item: int64[N].
        """
        self.require_fitted()
        raw = np.empty(len(user))
        rows = max(1, CELLS // self.item_factors_.shape[1])
        for start in range(0, len(user), rows):
            part = slice(start, start + rows)
            raw[part] = self._raw(np.asarray(user[part]), np.asarray(item[part]))
        return np.clip(self.to_rating(raw), self.low_, self.high_)

    def _raw(self, user: Ints, item: Ints) -> Floats:
        knows_user, knows_item = _flags(self.known_users_, user), _flags(self.known_, item)
        u, i = np.where(knows_user, user, 0), np.where(knows_item, item, 0)
        both = np.einsum("nd,nd->n", self.user_factors_[u], self.item_factors_[i], dtype=np.float64)
        raw = np.where(knows_user, self.user_bias_[u], 0.0) + np.where(knows_item, self.item_bias_[i], 0.0)
        return raw + np.where(knows_user & knows_item, both, self.centre_)

    def user_parameters(self, requests: Requests) -> tuple[Floats, Floats, Array]:
        """Who asks: biases float64[B], vectors float64[B, d], and bool[B], whether anything is known of them.

        A user of the fit has what the fit stored, whatever the history; anyone else gets the exact least-squares answer
        to their known past items having been given `liked_`, with the items held still.
        """
        known = _flags(self.known_users_, requests.user)
        place = np.where(known, requests.user, 0)
        bias = np.where(known, self.user_bias_[place], 0.0)
        vector = np.where(known[:, None], self.user_factors_[place].astype(np.float64), 0.0)
        past = history_matrix(self._read(requests), self.known_)
        for b in np.flatnonzero(~known & (np.diff(past.indptr) > 0)):
            bias[b], vector[b] = self._stranger(past.indices[past.indptr[b] : past.indptr[b + 1]])
        return bias, vector, known | (np.diff(past.indptr) > 0)

    def _read(self, requests: Requests) -> History:
        """The part of the histories that is read."""
        return distinct(within(requests.history, self.known_)).last(self.config.max_len)

    def _stranger(self, items: Ints) -> tuple[float, Floats]:
        """Bias and vector of somebody who liked the items."""
        y = self.item_factors_[items].astype(np.float64)
        if self.has_bias_:
            y = np.hstack([y, np.ones((len(y), 1))])
        # Summed without BLAS, whose last digits vary with the alignment of the arrays.
        gram = np.einsum("nd,ne->de", y, y)
        gram[np.diag_indices_from(gram)] += max(self.config.reg, 1e-6) * len(items)
        target = self.to_raw(self.liked_) - self.item_bias_[items]
        found = np.linalg.solve(gram, np.einsum("nd,n->d", y, target))
        return (float(found[-1]), found[:-1]) if self.has_bias_ else (0.0, found)

    def score_block(self, requests: Requests) -> Floats:
        """float32[B, M], expected ratings, not cut to the scale, so that the best do not tie.

        NaN for items without ratings and for strangers without known past items.
        """
        bias, vector, known = self.user_parameters(requests)
        out = np.empty((len(requests), self.n_items_), np.float32)
        dot_rows(vector, self.item_factors_, out)
        out = self.to_rating(bias[:, None] + self.item_bias_ + out).astype(np.float32)
        out[:, ~self.known_] = np.nan
        out[~known] = np.nan
        return out

    def similar_block(self, items: Ints) -> Floats:
        """float32[n, M], cosine between item vectors; NaN where either item had no ratings."""
        return cosine_rows(self.item_factors_, items)


def started(ratings: Ratings, factors: int, scale: float, seed: int) -> tuple[np.random.Generator, Floats, Floats]:
    """A generator and the float32 vectors of users [U, d] and items [M, d] it starts with, normal around zero."""
    rng = np.random.default_rng(seed)
    p, q = (
        rng.normal(scale=scale, size=(len(places), factors)).astype(np.float32)
        for places in (ratings.users, ratings.items)
    )
    return rng, p, q


def standardised(ratings: Ratings, mean: float, scale: float) -> Ratings:
    """The same with values as deviations from the mean, in units of `scale`."""
    return replace(ratings, value=((ratings.value.astype(np.float64) - mean) / scale).astype(np.float32))


def _placed(values: Floats, places: Ints, known: Array) -> Floats:
    """From natural places to dense indices; zero where nothing is known."""
    out = np.empty_like(values)
    out[places] = values
    out[~known] = 0.0
    return out


def _flags(known: Array, index: Ints) -> Array:
    """bool[n], whether each index is in range and known."""
    inside = (index >= 0) & (index < len(known))
    flags: Array = inside & known[np.where(inside, index, 0)]
    return flags
