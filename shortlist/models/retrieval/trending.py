"""Trending: popularity in which an event loses half its weight every half-life.

The weight of an event of age a is 2^(-a / half_life), so the list follows what is wanted lately and still needs nothing
about the user. Decay multiplies all scores by one factor as time passes, so between events the order stands still.

Cost: 8 bytes per item, one pass over the log; with `reference = "now"` 16 more bytes per event.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import PositiveFloat

from shortlist.core.contracts import FitContext
from shortlist.core.types import Floats, Requests
from shortlist.data.dataset import Dataset, Interactions
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.moments import TimedEvents, by_moment
from shortlist.models.updating import grown, known_only, replace, still, vocabulary


class Config(ModelConfig):
    """Settings of `Trending`."""

    half_life_s: PositiveFloat = 259_200.0
    """Age in seconds (or in the data's own clock) at which an event counts half: three days by default."""
    reference: Literal["last", "now"] = "last"
    """Ages are measured at the last event of the fit, or at each request's `now`; with `now`, events at or after it
    are not read, so replaying the past cannot see the future."""


class Trending(CatalogueModel):
    """Decayed counts, the same for all requests of one moment.

    Learned: `score_` float64[M] and `last_at_`, the decayed counts at the last event; with `reference = "now"` also
    `event_item_` int64[E] and `event_at_` float64[E] in order of time.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Sum the weights of each item's events."""
        log = TimedEvents.of(data)
        self.last_at_ = float(log.at[-1])
        self.score_ = self._decayed(log, self.last_at_)
        if self.config.reference == "now":
            self.event_item_, self.event_at_ = log.item, log.at

    def update(self, events: Interactions) -> Self:
        """Count events that happened since, however late they come; exact up to rounding.

        Cost: M numbers, and with `reference = "now"` a copy of the events.

        Raises:
            NotFitted: before the first fit.
        """
        self.require_fitted()
        new = known_only(events)
        if len(new) == 0:
            return self
        size = vocabulary(self, new)
        last_at = max(self.last_at_, float(new.at.max()))
        half_life_s = self.config.half_life_s
        score = grown(self.score_, size["n_items_"]) * 2.0 ** ((self.last_at_ - last_at) / half_life_s)
        np.add.at(score, new.item, 2.0 ** ((new.at - last_at) / half_life_s))
        more = {}
        if self.config.reference == "now":
            log = TimedEvents(self.event_item_, self.event_at_).plus(new.item, new.at)
            more = {"event_item_": log.item, "event_at_": log.at}
        replace(self, score_=score, last_at_=last_at, **more, **size)
        return self

    def score_block(self, requests: Requests) -> Floats:
        """float64[B, M] decayed counts; NaN for items without (recent) events. Users and histories are not read."""
        return still(self)._answer(requests)

    def _answer(self, requests: Requests) -> Floats:
        if self.config.reference == "last":
            return np.broadcast_to(_some(self.score_), (len(requests), self.n_items_))
        log = TimedEvents(self.event_item_, self.event_at_)
        return by_moment(requests.now, lambda now: _some(self._at(log, now)))

    def _at(self, log: TimedEvents, now: float) -> Floats:
        if now > self.last_at_:
            score: Floats = self.score_ * 2.0 ** ((self.last_at_ - now) / self.config.half_life_s)
            return score
        return self._decayed(log.before(now), now)

    def _decayed(self, log: TimedEvents, now: float) -> Floats:
        weight = 2.0 ** ((log.at - now) / self.config.half_life_s)
        return np.bincount(log.item, weights=weight, minlength=self.n_items_).astype(np.float64)


def _some(score: Floats) -> Floats:
    """NaN where nothing was counted."""
    return np.where(score > 0, score, np.nan)
