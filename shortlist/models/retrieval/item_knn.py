"""Item neighbours: what people who had this also had.

Two items are alike when the same users touched them; an item's score is the summed likeness to what the user has. Each
item keeps its own nearest neighbours (the target's, which on MovieLens beats keeping the source's by a fifth), so rows
are short and popular items do not answer everything. It has no idea of order: see `markov` and `trails`.

Papers: Linden, Smith and York, "Amazon.com Recommendations", IEEE Internet Computing 2003; Deshpande and Karypis,
"Item-Based Top-N Recommendation Algorithms", TOIS 2004.
Cost: 12 bytes per kept neighbour and about one multiply-add per pair of items of one user; never the item-item product
itself (see `neighbours`). Ten seconds of one core on 20 million events of 27,000 items, a third of one on a million.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import PositiveInt

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import Floats, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.history import distinct, within
from shortlist.models.neighbours import nearest
from shortlist.models.similarity import NeighbourConfig
from shortlist.models.sparse import weighted_matrix
from shortlist.models.sums import SumModel

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Config(NeighbourConfig):
    """Settings of `ItemKnn`."""

    neighbours: PositiveInt | None = 50
    """Most similar items kept; None keeps all pairs that share a user, which fits small catalogues only."""
    keep: Literal["target", "source"] = "target"
    """Whose neighbours are kept: those of the item that is scored, or those of the item in the history."""


class ItemKnn(SumModel):
    """Sums similarities of the distinct items of the history.

    Learned: `similarity_` CSR float64[M, M], row i what having item i says about others, diagonal empty; with a weight
    of value or last also `ratings_` CSR float32[U, M], which only `predict` reads.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Compare items and keep the nearest of each."""
        from scipy.sparse import csr_array

        c = self.config
        by_user = data.matrix(c.weighting)  # [U, M]
        # [M, M], row = the item whose neighbours were kept
        rows = nearest(by_user, c, neighbours=c.neighbours, threads=ctx.threads, progress=ctx.progress)
        self.similarity_ = rows if c.keep == "source" else csr_array(rows.T.tocsr())
        self.similarity_.sort_indices()
        if c.weighting in ("value", "last"):
            self.ratings_ = by_user

    def entries(self, requests: Requests) -> tuple[csr_array, csr_array]:
        """What each request had, and what that resembles."""
        history = distinct(within(requests.history, np.ones(self.n_items_, bool)))
        return weighted_matrix(history, self.n_items_, np.ones(len(history.item))), self.similarity_

    def explain(self, requests: Requests, item: int) -> Mapping[int, float] | None:
        """Similarity of each past item to `item`, where there is any; the values sum to the score."""
        if not 0 <= item < self.n_items_:
            return None
        past = distinct(within(requests.history, np.ones(self.n_items_, bool))).one(0)
        return {int(i): value for i in past if (value := float(self.similarity_[int(i), item])) > 0}

    def predict(self, user: int, item: int) -> float:
        """Expected rating: the item's mean plus the similarity-weighted deviations of the user's ratings of neighbours.

        Args:
            user: dense index; unknown users get the item's mean.
            item: dense index; unknown items get the mean of all ratings.

        Raises:
            NotFitted: before the first fit.
            BadConfig: the model was fitted without ratings.
        """
        self.require_fitted()
        if not hasattr(self, "ratings_"):
            raise BadConfig(
                f"ItemKnn with weight '{self.config.weighting}' knows no ratings.",
                hint="Set weight to 'last' or 'value'.",
                field="weight",
            )
        ratings = self.ratings_
        if not 0 <= item < self.n_items_:
            return float(ratings.data.mean())
        mean = _column_means(ratings)
        if not 0 <= user < self.n_users_:
            return float(mean[item])
        start, stop = ratings.indptr[user : user + 2]
        rated, value = ratings.indices[start:stop], ratings.data[start:stop].astype(np.float64)
        alike = self.similarity_[rated][:, [item]].toarray()[:, 0]
        if not alike.any():
            return float(mean[item])
        return float(mean[item] + alike @ (value - mean[rated]) / alike.sum())


def _column_means(ratings: csr_array) -> Floats:
    """float64[M], mean rating of each item; the mean of all for items without any."""
    count = np.bincount(ratings.indices, minlength=ratings.shape[1])
    total = np.bincount(ratings.indices, weights=ratings.data, minlength=ratings.shape[1])
    return np.where(count > 0, total / np.maximum(count, 1), ratings.data.mean())
