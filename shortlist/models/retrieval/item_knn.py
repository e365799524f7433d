"""Item neighbours: what people who had this also had.

Two items are alike when the same users touched them; an item's score is the summed likeness to what the user has. Each
item keeps its own nearest neighbours (the target's, which on MovieLens beats keeping the source's by a fifth), so rows
are short and popular items do not answer everything. It has no idea of order: see `markov` and `trails`.

Papers: Linden, Smith and York, "Amazon.com Recommendations", IEEE Internet Computing 2003; Deshpande and Karypis,
"Item-Based Top-N Recommendation Algorithms", TOIS 2004.
Cost: 12 bytes per kept neighbour and about two multiply-adds per pair of events of one user; a block of the item-item
product at a time, never all of it. Half a second on 100,000 ratings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import PositiveInt

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import Floats, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.history import distinct, within
from shortlist.models.similarity import NeighbourConfig, neighbour_rows
from shortlist.models.sparse import evidence_block, weighted_matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BLOCK_CELLS = 4_000_000
"""Most item pairs worked on at once: about 50 MB per sparse product."""


class Config(NeighbourConfig):
    """Settings of `ItemKnn`."""

    neighbours: PositiveInt | None = 50
    """Most similar items kept; None keeps all pairs that share a user, which fits small catalogues only."""
    keep: Literal["target", "source"] = "target"
    """Whose neighbours are kept: those of the item that is scored, or those of the item in the history."""


class ItemKnn(CatalogueModel):
    """Sums similarities of the distinct items of the history.

    Learned: `similarity_` CSR float64[M, M], row i what having item i says about others, diagonal empty; with a weight
    of value or last also `ratings_` CSR float32[U, M], which only `predict` reads.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Compare items block by block and keep the best of each row."""
        from scipy.sparse import csr_array, vstack

        by_user = csr_array(data.matrix(self.config.weighting), dtype=np.float64)  # [U, M]
        parts = list(self._neighbours(by_user, ctx))
        rows = csr_array(vstack(parts, format="csr"))  # [M, M], row = the item whose neighbours were kept
        self.similarity_ = rows if self.config.keep == "source" else csr_array(rows.T.tocsr())
        self.similarity_.sort_indices()
        if self.config.weighting in ("value", "last"):
            self.ratings_ = by_user.astype(np.float32)

    def score_block(self, requests: Requests) -> Floats:
        """float64[B, M] summed similarities; NaN for items that resemble nothing in the history."""
        history = distinct(within(requests.history, np.ones(self.n_items_, bool)))
        have = weighted_matrix(history, self.n_items_, np.ones(len(history.item)))
        return evidence_block(have @ self.similarity_)

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

    def _neighbours(self, by_user: csr_array, ctx: FitContext) -> Iterator[csr_array]:
        """CSR float64[m, M] blocks of neighbour rows, itself left out."""
        c = self.config
        done = 0
        for block in neighbour_rows(by_user, c, neighbours=c.neighbours, block_cells=BLOCK_CELLS):
            yield block
            done += block.shape[0]
            ctx.progress(done, self.n_items_)


def _column_means(ratings: csr_array) -> Floats:
    """float64[M], mean rating of each item; the mean of all for items without any."""
    count = np.bincount(ratings.indices, minlength=ratings.shape[1])
    total = np.bincount(ratings.indices, weights=ratings.data, minlength=ratings.shape[1])
    return np.where(count > 0, total / np.maximum(count, 1), ratings.data.mean())
