"""Popularity: the most wanted items, for everybody or for everybody of one segment.

Counts events per item over the whole log. It is the bar every personal model has to clear and the first answer to a
user nobody knows; on catalogues that change by the hour use `trending` instead. With a segment (region, device, any
column of users) the counts of the user's segment decide, and the counts of all fill in behind them.

Cost: 8 bytes per item, and 12 per item that occurs in a segment; one pass over the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import NonNegativeFloat, PositiveInt

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, nearest_hint
from shortlist.core.types import Floats, Ints, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import CatalogueModel, ModelConfig

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
    their names, `segment_count_` CSR float64[S, M], `is_large_` bool[S] and `user_segment_` int64[U], -1 unknown.
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
        user, item, weight = _counted(data, self.config.count)
        self.count_ = np.bincount(item, weights=weight, minlength=n).astype(np.float64)
        if self.config.segment is not None:
            self._learn_segments(data, user, item, weight)

    def score_block(self, requests: Requests) -> Floats:
        """float64[B, M] counts; NaN for items without events. Histories and `now` are not read.

        With a segment the scores are the segment's counts plus `smoothing` events shared out like those of all; users
        of no known segment, and segments that are too small, get the counts of all.
        """
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
        from scipy.sparse import csr_array

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
        row = self.user_segment_[user]
        known_row = row >= 0
        shape = (len(names), self.n_items_)
        counts = csr_array((weight[known_row], (row[known_row], item[known_row])), shape=shape)
        counts.sum_duplicates()
        events = np.bincount(self.user_segment_[data.interactions.user] + 1, minlength=len(names) + 1)[1:]
        self.segments_: list[str] = names
        self.segment_count_ = counts
        self.is_large_ = events >= self.config.min_segment_events

    def _segment_of(self, requests: Requests) -> Ints:
        """int64[B], the segment of each request, -1 if unknown or too small; the request's own column comes first."""
        known = (requests.user >= 0) & (requests.user < len(self.user_segment_))
        segment = np.where(known, self.user_segment_[np.where(known, requests.user, 0)], -1)
        given = requests.cols.get(self.config.segment)
        if given is not None:
            number = {name: s for s, name in enumerate(self.segments_)}
            told = np.array([number.get(str(value), -1) for value in given], np.int64)
            segment = np.where(told >= 0, told, segment)
        large = np.r_[self.is_large_, False]
        out: Ints = np.where(large[segment], segment, -1)
        return out


def _counted(data: Dataset, count: str) -> tuple[Ints, Ints, Floats]:
    """Users, items and weights to add up."""
    log = data.interactions
    if count == "users":
        pairs = np.unique(log.user * data.n_items + log.item)
        return pairs // data.n_items, pairs % data.n_items, np.ones(len(pairs))
    return log.user, log.item, log.value.astype(np.float64) if count == "value" else np.ones(len(log))
