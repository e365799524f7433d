"""Markov: what comes after the last thing.

Counts how often item b directly followed item a over all users, turns each row into probabilities, and ranks by the row
of the user's last item (or the last few, fading). Order is most of the signal in sessions, news and films; rows are
sparse, so popularity breaks ties and content can fill pairs never seen. `trails` generalises it and is usually better.

Idea: Shani, Heckerman and Brafman, "An MDP-Based Recommender System", JMLR 2005.
Cost: 12 bytes per distinct pair of neighbouring events and 16 per event, which updates need; a tenth of a second on
100,000 events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt

from shortlist.core.contracts import FitContext
from shortlist.core.types import Floats, History, Ints, Requests
from shortlist.data.dataset import Dataset, Interactions
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.history import recency, within
from shortlist.models.item_vectors import column_vectors
from shortlist.models.pasts import Pasts
from shortlist.models.sparse import csr_like, evidence_block, row_of, weighted_matrix, wider
from shortlist.models.updating import grown, known_only, replace, still, vocabulary
from shortlist.models.words import WordVectors, unit_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TIE = 1e-6
"""Share of popularity in a score: smaller than the gap between two transition probabilities of any sensible log."""


class Config(ModelConfig):
    """Settings of `Markov`."""

    depth: PositiveInt = 1
    """How many of the latest events are followed up."""
    decay: float = Field(default=0.5, gt=0.0, le=1.0)
    """Weight of an event relative to the one after it, where `depth` is above 1."""
    tie_break: Literal["popularity", "none"] = "popularity"
    """With popularity, items that never followed come after those that did, the most wanted first; with none they are
    no candidates."""
    max_gap_s: PositiveFloat | None = None
    """Two events further apart do not belong together: a session boundary. None ignores time."""
    content_weight: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of content similarity in the score: 0 transitions only, 1 content only; 0.3 is a good blend for news."""
    content_columns: tuple[str, ...] = ()
    """Item columns that describe the content; none means the items' text by TF-IDF."""


class Markov(CatalogueModel):
    """First-order transitions from the latest events, optionally blended with content.

    Learned: `follows_` CSR float64[M, M], row a how often each item came right after a; `total_` float64[M], the sums
    of its rows; `count_` float64[M], events per item; `past_item_` int64[E], `past_at_` float64[E] and `past_offsets_`
    int64[U+1], what users did; with a content weight `vectors_` CSR float64[M, D], rows of length one, and `by_place_`,
    the same turned.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self._pasts: Pasts | None = None

    def __copy__(self) -> Self:
        """Independent of the original: what is updated later is not shared."""
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        if self._pasts is not None:
            new._pasts = self._pasts.copy()
        return new

    def learned(self) -> dict[str, Any]:
        """Everything that was learned, by attribute name."""
        if self._pasts is None:
            return super().learned()
        past = self._pasts.merged()
        names = {"past_item_": past.item, "past_at_": past.at, "past_offsets_": past.offsets}
        return {**super().learned(), **names}

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Count neighbouring events of each user.

        Raises:
            BadConfig: a content column does not exist.
        """
        past = data.sequences
        self._pasts = None
        self.follows_ = self._pairs(past, data.n_items)
        self.total_ = _row_sums(self.follows_)
        self.past_item_, self.past_at_, self.past_offsets_ = past.item, past.at, past.offsets
        self.count_ = np.bincount(data.interactions.item, minlength=data.n_items).astype(np.float64)
        if self.config.content_weight > 0:
            self.vectors_ = self._describe(data)
            self.by_place_ = self.vectors_.T.tocsr()

    def update(self, events: Interactions) -> Self:
        """Count events that happened since; the counts are those of a fit on everything.

        An event stands where its time belongs, however late it comes, behind those of the same time. Items that came
        after the fit have no content here. Cost: a copy of the counts per call, so prefer batches.

        Raises:
            NotFitted: before the first fit.
        """
        self.require_fitted()
        new = known_only(events)
        if len(new) == 0:
            return self
        size = vocabulary(self, new)
        n = size["n_items_"]
        pasts = self._growing_pasts()
        touched = np.unique(new.user).tolist()
        before = pasts.of(touched)
        for user, item, at in zip(new.user.tolist(), new.item.tolist(), new.at.tolist(), strict=True):
            pasts.insert(user, item, at)
        after = pasts.of(touched)
        change = self._pairs(after, n) - self._pairs(before, n)
        follows = wider(self.follows_, n, n) + change
        follows.eliminate_zeros()
        count = grown(self.count_, n)
        np.add.at(count, new.item, 1.0)
        more = {}
        if self.config.content_weight > 0:
            vectors = wider(self.vectors_, n, self.vectors_.shape[1])
            more = {"vectors_": vectors, "by_place_": vectors.T.tocsr()}
        replace(self, follows_=follows, total_=_row_sums(follows), count_=count, **more, **size)
        return self

    def score_block(self, requests: Requests) -> Floats:
        """float64[B, M]; NaN for items without evidence, and whole rows of requests without a known past item."""
        return still(self)._answer(requests)

    def _answer(self, requests: Requests) -> Floats:
        history = within(requests.history, np.ones(self.n_items_, bool)).last(self.config.depth)
        recent = weighted_matrix(history, self.n_items_, recency(history, decay=self.config.decay))
        block = evidence_block(self._mixed(recent))
        if self.config.tie_break == "popularity":
            wanted = np.where(self.count_ > 0, TIE * self.count_ / (self.count_.max() + 1.0), np.nan)
            block = np.where(np.isnan(block), wanted, block + np.nan_to_num(wanted))
            block[history.lengths == 0] = np.nan
        return block

    def explain(self, requests: Requests, item: int) -> Mapping[int, float] | None:
        """What each of the latest items adds to the score of `item`, popularity aside."""
        if not 0 <= item < self.n_items_:
            return None
        history = within(requests.history, np.ones(self.n_items_, bool)).last(self.config.depth)
        weight = recency(history, decay=self.config.decay)
        share: dict[int, float] = {}
        for event, past in enumerate(history.one(0)):
            alone = weighted_matrix(History.of([[int(past)]]), self.n_items_, weight[event : event + 1])
            if value := float(self._mixed(alone)[0, item]):
                share[int(past)] = share.get(int(past), 0.0) + value
        return share

    def _growing_pasts(self) -> Pasts:
        """What users did, in the form that takes single events; it replaces the frozen arrays."""
        if self._pasts is None:
            self._pasts = Pasts(self.past_item_, self.past_at_, self.past_offsets_)
            del self.past_item_, self.past_at_, self.past_offsets_
        return self._pasts

    def _mixed(self, recent: csr_array) -> csr_array:
        """CSR float64[B, M], transitions and content of the weighted latest events."""
        w = self.config.content_weight
        # Each row of counts divided by its sum is the probability of each item right after the row's.
        share = csr_like(recent, recent.data / np.maximum(self.total_[recent.indices], 1.0))
        follows = share @ self.follows_
        if w == 0:
            return follows
        alike = (recent @ self.vectors_) @ self.by_place_
        return ((1.0 - w) * follows + w * alike).tocsr()

    def _pairs(self, history: History, n_items: int) -> csr_array:
        """CSR float64[M, M], how often the column's item came right after the row's."""
        from scipy.sparse import csr_array

        row, item, at = history.row, history.item, history.at
        together: Ints = np.flatnonzero(row[1:] == row[:-1])
        if self.config.max_gap_s is not None:
            together = together[at[together + 1] - at[together] <= self.config.max_gap_s]
        pairs = (np.ones(len(together)), (item[together], item[together + 1]))
        out = csr_array(pairs, shape=(n_items, n_items))
        out.sum_duplicates()
        return out

    def _describe(self, data: Dataset) -> csr_array:
        if self.config.content_columns:
            return unit_rows(column_vectors(data, self.config.content_columns)[0])
        from shortlist.data.text import item_text

        texts = item_text(data)
        return WordVectors.fit(texts).transform(texts)


def _row_sums(matrix: csr_array) -> Floats:
    """float64[M]."""
    sums: Floats = np.bincount(row_of(matrix), weights=matrix.data, minlength=matrix.shape[0]).astype(np.float64)
    return sums
