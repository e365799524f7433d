"""The Hacker News score: votes against age, as a power law.

score = (votes - 1)^0.8 / (age_hours + 2)^1.8: the submitter's own vote does not count, a young item needs few votes,
and an old one sinks however many it has. Age runs from an item's first event. For catalogues without a beginning
(shops, films) prefer `trending`.

Cost: 16 bytes per item, one pass over the log; with `reference = "now"` 16 more bytes per event.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import NonNegativeFloat, PositiveFloat

from shortlist.core.contracts import FitContext
from shortlist.core.types import Floats, Requests
from shortlist.data.dataset import Dataset, Interactions
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.moments import TimedEvents, by_moment
from shortlist.models.updating import grown, known_only, replace, still, vocabulary


class Config(ModelConfig):
    """Settings of `HackerNews`."""

    gravity: NonNegativeFloat = 1.8
    """How fast items sink with age; 0 ranks by votes alone."""
    power: PositiveFloat = 0.8
    """How much more votes help; below 1 each further vote helps less."""
    delay_h: PositiveFloat = 2.0
    """Hours added to every age, so that the first minutes do not decide."""
    reference: Literal["last", "now"] = "last"
    """Ages are measured at the last event of the fit, or at each request's `now`; with `now`, events at or after it
    are not read, so replaying the past cannot see the future."""


class HackerNews(CatalogueModel):
    """Votes discounted by age, the same for all requests of one moment.

    Learned: `votes_` int64[M], `first_at_` float64[M] (UTC seconds, 0 without votes), `last_at_`; with
    `reference = "now"` also `event_item_` int64[E] and `event_at_` float64[E] in order of time.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Count votes and note when each item first had one."""
        log = TimedEvents.of(data)
        self.last_at_ = float(log.at[-1])
        self.votes_, self.first_at_ = _votes(log, data.n_items)
        if self.config.reference == "now":
            self.event_item_, self.event_at_ = log.item, log.at

    def update(self, events: Interactions) -> Self:
        """Count votes that came since, however late; the state is that of a fit on everything.

        Cost: M numbers, and with `reference = "now"` a copy of the events.

        Raises:
            NotFitted: before the first fit.
        """
        self.require_fitted()
        new = known_only(events)
        if len(new) == 0:
            return self
        size = vocabulary(self, new)
        votes = grown(self.votes_, size["n_items_"])
        first_at = np.where(votes > 0, grown(self.first_at_, size["n_items_"]), np.inf)
        np.add.at(votes, new.item, 1.0)
        np.minimum.at(first_at, new.item, new.at)
        more = {}
        if self.config.reference == "now":
            log = TimedEvents(self.event_item_, self.event_at_).plus(new.item, new.at)
            more = {"event_item_": log.item, "event_at_": log.at}
        first_at[votes == 0] = 0.0
        last_at = max(self.last_at_, float(new.at.max()))
        replace(self, votes_=votes, first_at_=first_at, last_at_=last_at, **more, **size)
        return self

    def score_block(self, requests: Requests) -> Floats:
        """float64[B, M]; NaN for items without votes, 0 for those with one. Users and histories are not read."""
        return still(self)._answer(requests)

    def _answer(self, requests: Requests) -> Floats:
        if self.config.reference == "last":
            score = self.formula(self.votes_, self.first_at_, self.last_at_)
            return np.broadcast_to(score, (len(requests), self.n_items_))
        return by_moment(requests.now, self._at)

    def formula(self, votes: Floats, first_at: Floats, now: float) -> Floats:
        """float64[n], the score of items with so many votes since so long.

        Args:
            votes: float[n].
            first_at: float64[n], UTC seconds of the first vote.
            now: UTC seconds.
        """
        age_h = np.maximum(now - first_at, 0.0) / 3600.0
        score = np.maximum(votes - 1.0, 0.0) ** self.config.power / (age_h + self.config.delay_h) ** self.config.gravity
        return np.where(votes > 0, score, np.nan)

    def _at(self, now: float) -> Floats:
        if now > self.last_at_:
            return self.formula(self.votes_, self.first_at_, now)
        votes, first_at = _votes(TimedEvents(self.event_item_, self.event_at_).before(now), self.n_items_)
        return self.formula(votes, first_at, now)


def _votes(log: TimedEvents, n_items: int) -> tuple[Floats, Floats]:
    """Votes and time of the first one, per item."""
    votes = np.bincount(log.item, minlength=n_items).astype(np.float64)
    first_at = np.zeros(n_items)
    first_at[log.item[::-1]] = log.at[::-1]  # the earliest event is written last and stays
    return votes, first_at
