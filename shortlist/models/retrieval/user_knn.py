"""User neighbours: what people who act like this user also did.

The request's history is compared with every user's past; the nearest users vote for what they have, weighted by how
near they are. Nothing is precomputed, so a new event counts at once and an unknown user with a history is served like
anyone; the price is a comparison per request, which suits up to some hundred thousand users.

Paper: Resnick et al., "GroupLens: An Open Architecture for Collaborative Filtering of Netnews", CSCW 1994.
Cost: 12 bytes per interaction on disk, 24 in memory (40 with pearson); a request touches every event of its items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import PositiveInt

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import Ints, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.history import distinct, within
from shortlist.models.similarity import RATED, NeighbourConfig, Population
from shortlist.models.sparse import best_per_row, keep_stored, row_of, weighted_matrix
from shortlist.models.sums import SumModel
from shortlist.models.topk import MAX_CELLS

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Config(NeighbourConfig):
    """Settings of `UserKnn`."""

    neighbours: PositiveInt = 50
    """Nearest users that vote."""


class UserKnn(SumModel):
    """Votes of the nearest users.

    Learned: `past_` CSR float64[U, M], the weights of what each user did.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    past_: csr_array

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Keep the log as a matrix; everything else happens per request."""
        from scipy.sparse import csr_array

        self.past_ = csr_array(data.matrix(self.config.weighting), dtype=np.float64)
        self._prepared: Population | None = None

    @property
    def requests_at_once(self) -> int:
        """Comparing requests with all users makes a table of both."""
        return max(1, MAX_CELLS // max(1, self.n_users_))

    def entries(self, requests: Requests) -> tuple[csr_array, csr_array]:
        """The neighbours of each request, and what they did; an item that no neighbour has gets no score.

        A known user is no neighbour of itself. With pearson and adjusted_cosine only past items that the user rated in
        the fit are compared, since a history carries no ratings: unknown users get NaN.
        """
        near = best_per_row(self._near(self._vectors(requests), requests.user), self.config.neighbours)
        return near, self.past_

    def predict(self, user: int, item: int) -> float:
        """Expected rating: the user's mean plus the similarity-weighted deviations of neighbours who rated the item.

        Args:
            user: dense index; unknown users get the mean of all ratings.
            item: dense index; items nobody alike rated get the user's mean.

        Raises:
            NotFitted: before the first fit.
            BadConfig: the model was fitted without ratings.
        """
        self.require_fitted()
        if self.config.weighting not in ("value", "last"):
            raise BadConfig(
                f"UserKnn with weight '{self.config.weighting}' knows no ratings.",
                hint="Set weight to 'last' or 'value'.",
                field="weight",
            )
        past = self.past_
        if not (0 <= user < self.n_users_ and past.indptr[user + 1] > past.indptr[user]):
            return float(past.data.mean())
        mean = past.sum(axis=1) / np.maximum(np.diff(past.indptr), 1)
        if not 0 <= item < self.n_items_:
            return float(mean[user])
        near = self._near(past[[user]], np.array([user]))
        rating = np.full(self.n_users_, np.nan)
        places = np.flatnonzero(past.indices == item)
        rating[row_of(past)[places]] = past.data[places]
        near = best_per_row(keep_stored(near, np.isfinite(rating[near.indices])), self.config.neighbours)
        if near.nnz == 0:
            return float(mean[user])
        deviation = rating[near.indices] - mean[near.indices]
        return float(mean[user] + near.data @ deviation / near.data.sum())

    def _vectors(self, requests: Requests) -> csr_array:
        """CSR float64[B, M], the histories in the weights of the fit; what it did not see with the user weighs 1."""
        from scipy.sparse import issparse

        history = distinct(within(requests.history, np.ones(self.n_items_, bool)))
        if self.config.weighting == "binary":
            return weighted_matrix(history, self.n_items_, np.ones(len(history.item)))
        user = np.where(requests.user < self.n_users_, requests.user, -1)[history.row]
        weight = np.zeros(len(history.item))
        known = np.flatnonzero(user >= 0)
        found = self.past_[user[known], history.item[known]]  # one value per pair; dense or not by SciPy's version
        weight[known] = found.toarray() if issparse(found) else found
        if self.config.similarity not in RATED:
            return weighted_matrix(history, self.n_items_, np.where(weight == 0, 1.0, weight))
        rated = weighted_matrix(history, self.n_items_, weight)
        return keep_stored(rated, rated.data != 0)

    def _near(self, vectors: csr_array, user: Ints) -> csr_array:
        """CSR float64[B, U], similarity to every other user."""
        if getattr(self, "_prepared", None) is None:
            self._prepared = Population.of(self.past_.T.tocsr(), self.config.similarity)
        assert self._prepared is not None
        near = self.config.alike(self._prepared, vectors)
        return keep_stored(near, near.indices != user[row_of(near)])
