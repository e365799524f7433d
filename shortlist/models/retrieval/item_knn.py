"""Item neighbours: what people who had this also had.

Two items are alike when the same users touched them; an item's score is the summed likeness to what the user has. Each
item keeps its own nearest neighbours (the target's, which on MovieLens beats keeping the source's by a fifth), so rows
are short and popular items do not answer everything. It has no idea of order: see `markov` and `trails`.

Papers: Linden, Smith and York, "Amazon.com Recommendations", IEEE Internet Computing 2003; Deshpande and Karypis,
"Item-Based Top-N Recommendation Algorithms", TOIS 2004.
Cost: 12 bytes per kept neighbour and about one multiply-add per pair of items of one user; never the item-item product
itself (see `neighbours`). Ten seconds of one core on 20 million events of 27,000 items, a third of one on a million.
Where likeness follows from counts, single events are learnt exactly (see `_live_neighbours` for what that costs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveInt

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import Floats, History, Ints, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.history import distinct, within
from shortlist.models.retrieval._live_neighbours import COUNTED, LiveLinkModel
from shortlist.models.similarity import NeighbourConfig
from shortlist.models.updating import settled

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Config(NeighbourConfig):
    """Settings of `ItemKnn`."""

    neighbours: PositiveInt | None = 50
    """Most similar items kept; None keeps all pairs that share a user, which fits small catalogues only."""
    keep: Literal["target", "source"] = "target"
    """Whose neighbours are kept: those of the item that is scored, or those of the item in the history."""
    max_links: int = Field(default=100_000_000, ge=1)
    """Refuse to count more pairs of items than this (up to 54 bytes each) to learn from single events."""


class ItemKnn(LiveLinkModel):
    """Sums similarities of the distinct items of the history.

    Learned: `similarity_` CSR float64[M, M], row i what having item i says about others, diagonal empty; without
    weights `past_item_` int32[E] and `past_offsets_` int64[U+1], the items of each user, which updates need; with a
    weight of value or last `ratings_` CSR float32[U, M], which only `predict` reads.
    """

    Config: ClassVar[type[ModelConfig]] = Config
    table = "similarity_"
    repeats_matter = False

    similarity_ = settled("similarity_")

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Compare items and keep the nearest of each."""
        by_user = data.matrix(self.config.weighting)  # [U, M]
        self._live = None
        if self.config.weighting == "binary":
            past = History(by_user.indices, np.broadcast_to(0.0, by_user.nnz), by_user.indptr)
            self._rest = self.compare(past, self.n_items_, threads=ctx.threads, progress=ctx.progress)
            return
        self._rest = {self.table: self.kept(by_user, threads=ctx.threads, progress=ctx.progress)}
        if self.config.weighting in ("value", "last"):
            self.ratings_ = by_user

    def likeness(self) -> NeighbourConfig:
        """What makes items alike."""
        settings: NeighbourConfig = self.config
        return settings

    def places(self, past: History) -> History:
        """The items of each user, kept once only."""
        return past

    def state(self, links: csr_array, past: History, size: Ints, n_places: int) -> dict[str, Any]:
        """Everything that was learned, by attribute name; when users had an item says nothing."""
        learned = super().state(links, past, size, n_places)
        return {name: value for name, value in learned.items() if name != "past_at_"}

    @property
    def by_target(self) -> bool:
        """Whether links are kept by the scored item."""
        return bool(self.config.keep == "target")

    @property
    def refuses_updates(self) -> str:
        """Why these settings cannot learn from single events; empty where they can."""
        if self.config.similarity not in COUNTED:
            return f"by {self.config.similarity} one event changes how much all items weigh"
        return "" if self.config.weighting == "binary" else "its weights are not kept, only who had what is"

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

    def _read(self, requests: Requests, n_items: int) -> History:
        return distinct(within(requests.history, np.ones(n_items, bool)))


def _column_means(ratings: csr_array) -> Floats:
    """float64[M], mean rating of each item; the mean of all for items without any."""
    count = np.bincount(ratings.indices, minlength=ratings.shape[1])
    total = np.bincount(ratings.indices, weights=ratings.data, minlength=ratings.shape[1])
    return np.where(count > 0, total / np.maximum(count, 1), ratings.data.mean())
