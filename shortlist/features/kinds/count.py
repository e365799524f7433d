"""How often something happened in a window: to an item, by a user, or between the two.

Counts of items and users come from the folded state. A count of a pair is read from the user's own past, which holds
as many events as the pipeline's `history` stage reads.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from shortlist.core.types import Array, Floats
from shortlist.features.base import Feature, FeatureConfig, FeatureOwner, View
from shortlist.features.measures import Measure, Query
from shortlist.features.windows import Window, parse_window


class Config(FeatureConfig):
    """Settings of `count`."""

    events: tuple[str, ...] = ()
    """Types of events that count, "impression" for items shown; none counts every interaction."""
    window: str = "all"
    """Span such as "1h", "24h", "7d", "28d", or "all"."""


class Count(Feature):
    """Number of events; an entity without any has 0."""

    Config = Config
    owners: tuple[FeatureOwner, ...] = ("item", "user", "pair")
    unit = "events"
    weighs_value = False
    """Whether an event weighs its value."""

    @cached_property
    def window(self) -> Window:
        """The span that counts."""
        return parse_window(self.config.window)

    def queries(self) -> tuple[Query, ...]:
        """One sum; none for pairs."""
        if self.owner == "pair":
            return ()
        return (Query(Measure(self.owner, self.config.events, value=self.weighs_value), self.window),)  # type: ignore[arg-type]

    def compute(self, view: View) -> Array:
        """float64[N], of users [B]."""
        if self.owner != "pair":
            return view.numbers[self.reads[0]]
        return _of_pairs(view, self.window)


def _of_pairs(view: View, window: Window) -> Floats:
    """float64[N], events of the request's user with the candidate."""
    history = view.requests.history
    inside = history.at >= window.begins(view.requests.now)[history.row]
    width = 1 + int(max(history.item.max(initial=0), view.candidates.item.max(initial=0)))
    past, often = np.unique(history.row[inside] * width + history.item[inside], return_counts=True)
    asked = view.row.astype(np.int64) * width + view.candidates.item
    if not len(past):
        return np.zeros(len(asked))
    place = np.minimum(np.searchsorted(past, asked), len(past) - 1)
    return np.where(past[place] == asked, often[place], 0).astype(np.float64)
