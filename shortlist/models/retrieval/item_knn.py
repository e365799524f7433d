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
from pydantic import Field, NonNegativeFloat, PositiveInt

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import Floats, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.history import distinct, within
from shortlist.models.similarity import Measure, Population
from shortlist.models.sparse import best_per_row, evidence_block, keep_stored, row_of, weighted_matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BLOCK_CELLS = 4_000_000
"""Most item pairs worked on at once: about 50 MB per sparse product."""


class Config(ModelConfig):
    """Settings of `ItemKnn`."""

    similarity: Measure = "cosine"
    """cosine, jaccard (shared users over all users of the pair) or pearson (agreement of ratings; needs ratings)."""
    weight: Literal["binary", "count", "value", "last"] | None = None
    """What an item's vector holds for a user: 1, number of events, sum of values, or the latest value. None is binary,
    and the latest value for pearson."""
    neighbours: PositiveInt | None = 50
    """Most similar items kept; None keeps all pairs that share a user, which fits small catalogues only."""
    keep: Literal["target", "source"] = "target"
    """Whose neighbours are kept: those of the item that is scored, or those of the item in the history."""
    shrinkage: NonNegativeFloat = 0.0
    """Similarity is multiplied by c / (c + shrinkage) for c common users: distrusts thin evidence."""
    min_similarity: float = Field(default=0.0, ge=0.0)
    """Pairs at or below are no neighbours."""
    min_common: PositiveInt = 1
    """Pairs with fewer common users are no neighbours."""

    @property
    def weighting(self) -> str:
        """The weight in use."""
        return self.weight or ("last" if self.similarity == "pearson" else "binary")


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
        population = Population.of(by_user, c.similarity)
        by_item = by_user.T.tocsr()  # [M, U]
        step = max(1, BLOCK_CELLS // self.n_items_)
        for start in range(0, self.n_items_, step):
            block = population.alike(
                by_item[start : start + step],
                c.similarity,
                shrinkage=c.shrinkage,
                min_similarity=c.min_similarity,
                min_common=c.min_common,
            )
            block = keep_stored(block, block.indices != row_of(block) + start)
            yield best_per_row(block, c.neighbours or self.n_items_)
            ctx.progress(min(start + step, self.n_items_), self.n_items_)


def _column_means(ratings: csr_array) -> Floats:
    """float64[M], mean rating of each item; the mean of all for items without any."""
    count = np.bincount(ratings.indices, minlength=ratings.shape[1])
    total = np.bincount(ratings.indices, weights=ratings.data, minlength=ratings.shape[1])
    return np.where(count > 0, total / np.maximum(count, 1), ratings.data.mean())
