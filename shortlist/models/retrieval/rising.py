"""Rising: what is wanted more now than it was a while ago.

The events of a recent window are compared with what the longer time before it would lead one to expect, both smoothed
so that three clicks on an unknown item are no sensation. It finds the next hit before `trending` does, and it is silent
about what has always been popular.

Cost: 16 bytes per item, one pass over the log, and 16 bytes per event of both spans; with `reference = "now"` per event
of the whole log. Not for catalogues
with few events per item and window: everything is noise there.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import PositiveFloat

from shortlist.core.contracts import FitContext
from shortlist.core.types import Floats, Ints, Requests
from shortlist.data.dataset import Dataset, Interactions
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.moments import TimedEvents, by_moment
from shortlist.models.updating import known_only, replace, still, vocabulary


class Config(ModelConfig):
    """Settings of `Rising`."""

    window_s: PositiveFloat = 86_400.0
    """Length of the recent window in seconds (or in the data's own clock): a day by default."""
    baseline_s: PositiveFloat = 604_800.0
    """Length of the time before it that tells what is usual: a week by default."""
    smoothing: PositiveFloat = 5.0
    """Events per window that are added to both sides: larger needs more events to be moved."""
    reference: Literal["last", "now"] = "last"
    """The recent window ends with the last event of the fit, or just before each request's `now`."""


class Rising(CatalogueModel):
    """(recent events + smoothing) / (usual events per window + smoothing), the same for all requests of one moment.

    Learned: `recent_` and `earlier_` float64[M], events in the two spans before the end of the log, and `last_at_`;
    `event_item_` int64[E] and `event_at_` float64[E] in order of time, those of both spans or, with
    `reference = "now"`, all.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    recent_: Floats
    earlier_: Floats
    event_item_: Ints
    event_at_: Floats

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Count both spans."""
        log = TimedEvents.of(data)
        self.__dict__.update(self._state(log))

    def update(self, events: Interactions) -> Self:
        """Count events that happened since, however late they come; the state is that of a fit on everything.

        Cost: a copy of the events it holds, and two passes over those of both spans.

        Raises:
            NotFitted: before the first fit.
        """
        self.require_fitted()
        new = known_only(events)
        if len(new):
            size = vocabulary(self, new)
            wider = still(self)
            wider.n_items_ = size["n_items_"]
            log = TimedEvents(self.event_item_, self.event_at_).plus(new.item, new.at)
            replace(self, **wider._state(log), **size)
        return self

    def _state(self, log: TimedEvents) -> dict[str, Any]:
        """What is learned from events of which none is missing that the spans need."""
        c = self.config
        last_at = float(log.at[-1])
        end = float(np.nextafter(last_at, np.inf))
        recent, earlier = self._spans(log, end)
        if c.reference == "last":
            log = log.since(end - c.window_s - c.baseline_s)
        return {
            "recent_": recent,
            "earlier_": earlier,
            "last_at_": last_at,
            "event_item_": log.item,
            "event_at_": log.at,
        }

    def score_block(self, requests: Requests) -> Floats:
        """float64[B, M], 1 = as usual; NaN for items without recent events. Users and histories are not read."""
        return still(self)._answer(requests)

    def _answer(self, requests: Requests) -> Floats:
        if self.config.reference == "last":
            return np.broadcast_to(self._ratio(self.recent_, self.earlier_), (len(requests), self.n_items_))
        log = TimedEvents(self.event_item_, self.event_at_)
        return by_moment(requests.now, lambda now: self._ratio(*self._spans(log, now)))

    def _spans(self, log: TimedEvents, end: float) -> tuple[Floats, Floats]:
        """Events of each item in the recent window and in the time before, both strictly before `end`."""
        c = self.config
        edges = np.array([end - c.window_s - c.baseline_s, end - c.window_s, end])
        start, middle, stop = np.searchsorted(log.at, edges, side="left")
        recent = np.bincount(log.item[middle:stop], minlength=self.n_items_).astype(np.float64)
        return recent, np.bincount(log.item[start:middle], minlength=self.n_items_).astype(np.float64)

    def _ratio(self, recent: Floats, earlier: Floats) -> Floats:
        c = self.config
        usual = earlier * (c.window_s / c.baseline_s)
        return np.where(recent > 0, (recent + c.smoothing) / (usual + c.smoothing), np.nan)
