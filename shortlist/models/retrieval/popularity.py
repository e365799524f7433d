"""Popularity: the most wanted items, for everybody or for everybody of one segment.

Counts events per item over the whole log. It is the bar every personal model has to clear and the first answer to a
user nobody knows; on catalogues that change by the hour use `trending` instead. With a segment (region, device, any
column of users) the counts of the user's segment decide, and the counts of all fill in behind them.

Cost: 8 bytes per item, and 12 per item that occurs in a segment; one pass over the log. Counting users takes 8 bytes
for each user and item that met, so that a later event can tell whether they did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import NonNegativeFloat, PositiveInt

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, nearest_hint
from shortlist.core.types import Floats, Ints, Requests
from shortlist.data.dataset import Dataset, Interactions
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.sparse import wider
from shortlist.models.updating import grown, known_only, replace, still, vocabulary

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Config(ModelConfig):
    """Settings of `Popularity`."""

    count: Literal["events", "users", "value"] = "events"
    """What is counted: every event, each user once per item, or the sum of event values (ratings, quantities)."""
    segment: str | None = None
    """Column of the user table, or of the request, whose value says which counts to use; None uses those of all."""
    smoothing: NonNegativeFloat = 10.0
    """Events by all that are mixed into a segment's counts: small segments lean on everybody's taste."""
    min_segment_events: PositiveInt = 1
    """Segments with fewer events use the counts of all."""


class Popularity(CatalogueModel):
    """One score per item, the same for all requests, or for all of one segment.

    Learned: `count_` float64[M]; `events_` int64[M], how many events stand behind it; with a segment also `segments_`
    their names, `segment_count_` CSR float64[S, M], `segment_events_` int64[S] and `user_segment_` int64[U],
    -1 unknown; counting users, `pair_` int64[P], who had what (user * 2^32 + item), sorted.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    segment_count_: csr_array

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Count.

        Raises:
            BadConfig: there is no such column of users.
        """
        log = data.interactions
        n = data.n_items
        self.events_ = np.bincount(log.item, minlength=n)
        user, item, weight = _counted(log, self.config.count)
        if self.config.count == "users":
            self.pair_: Ints = (user << 32) + item
        self.count_ = np.bincount(item, weights=weight, minlength=n).astype(np.float64)
        if self.config.segment is not None:
            self._learn_segments(data, user, item, weight)

    def update(self, events: Interactions) -> Self:
        """Count events that happened since; the counts are those of a fit on everything.

        Users who came after the fit belong to no segment, because their columns are not seen here. Cost: M numbers, and
        a copy of the pairs or of the segments' counts where there are such.

        Raises:
            NotFitted: before the first fit.
        """
        self.require_fitted()
        new = known_only(events)
        if len(new) == 0:
            return self
        size = vocabulary(self, new)
        n = size["n_items_"]
        more: dict[str, Any] = {}
        user, item, weight = _counted(new, self.config.count)
        if self.config.count == "users":
            pair = (user << 32) + item
            place = np.minimum(np.searchsorted(self.pair_, pair), len(self.pair_) - 1)
            first = self.pair_[place] != pair
            user, item, weight = user[first], item[first], weight[first]
            more["pair_"] = np.sort(np.r_[self.pair_, pair[first]])
        count, seen = grown(self.count_, n), grown(self.events_, n)
        np.add.at(count, item, weight)
        np.add.at(seen, new.item, 1)
        if self.config.segment is not None:
            whose = grown(self.user_segment_, size["n_users_"], -1)
            more["user_segment_"] = whose
            more["segment_count_"] = self._by_segment(whose[user], item, weight, n) + wider(
                self.segment_count_, len(self.segments_), n
            )
            known = whose[new.user] >= 0
            more["segment_events_"] = self.segment_events_ + np.bincount(
                whose[new.user][known], minlength=len(self.segment_events_)
            )
        replace(self, count_=count, events_=seen, **more, **size)
        return self

    def score_block(self, requests: Requests) -> Floats:
        """float64[B, M] counts; NaN for items without events. Histories and `now` are not read.

        With a segment the scores are the segment's counts plus `smoothing` events shared out like those of all; users
        of no known segment, and segments that are too small, get the counts of all.
        """
        return still(self)._answer(requests)

    def _answer(self, requests: Requests) -> Floats:
        score = np.where(self.events_ > 0, self.count_, np.nan)
        if self.config.segment is None:
            return np.broadcast_to(score, (len(requests), self.n_items_))
        segment = self._segment_of(requests)
        out = np.tile(score, (len(requests), 1))
        liked = np.maximum(self.count_, 0.0)  # sums of values may be negative, shares may not
        share = liked * (self.config.smoothing / max(liked.sum(), 1e-12))
        for number in np.unique(segment[segment >= 0]):
            mine = self.segment_count_[[number]].toarray()[0]
            out[segment == number] = np.where(self.events_ > 0, mine + share, np.nan)
        return out

    def _learn_segments(self, data: Dataset, user: Ints, item: Ints, weight: Floats) -> None:
        column = self.config.segment
        table = data.user_table
        if table is None or column not in table.columns:
            known = [] if table is None else table.columns
            raise BadConfig(
                f"The users of '{data.name}' have no column '{column}'.",
                hint=nearest_hint(column, known),
                field="segment",
            )
        labels = [None if value is None else str(value) for value in table[column].to_list()]
        names = sorted({label for label in labels if label is not None})
        number = {name: s for s, name in enumerate(names)}
        self.user_segment_: Ints = np.array([-1 if x is None else number[x] for x in labels], np.int64)
        events = np.bincount(self.user_segment_[data.interactions.user] + 1, minlength=len(names) + 1)[1:]
        self.segments_: list[str] = names
        self.segment_events_ = events
        self.segment_count_ = self._by_segment(self.user_segment_[user], item, weight, self.n_items_)

    def _by_segment(self, segment: Ints, item: Ints, weight: Floats, n_items: int) -> csr_array:
        """CSR float64[S, M], sums of the weights; segment -1 is left out."""
        from scipy.sparse import csr_array

        known = segment >= 0
        shape = (len(self.segments_), n_items)
        counts = csr_array((weight[known], (segment[known], item[known])), shape=shape)
        counts.sum_duplicates()
        return counts

    def _segment_of(self, requests: Requests) -> Ints:
        """int64[B], the segment of each request, -1 if unknown or too small; the request's own column comes first."""
        known = (requests.user >= 0) & (requests.user < len(self.user_segment_))
        segment = np.where(known, self.user_segment_[np.where(known, requests.user, 0)], -1)
        given = requests.cols.get(self.config.segment)
        if given is not None:
            number = {name: s for s, name in enumerate(self.segments_)}
            told = np.array([number.get(str(value), -1) for value in given], np.int64)
            segment = np.where(told >= 0, told, segment)
        large = np.r_[self.segment_events_ >= self.config.min_segment_events, False]
        out: Ints = np.where(large[segment], segment, -1)
        return out


def _counted(log: Interactions, count: str) -> tuple[Ints, Ints, Floats]:
    """Users, items and weights to add up; counting users, sorted by both."""
    if count == "users":
        pairs = np.unique((log.user << 32) + log.item)
        return pairs >> 32, pairs & 0xFFFFFFFF, np.ones(len(pairs))
    return log.user, log.item, log.value.astype(np.float64) if count == "value" else np.ones(len(log))
