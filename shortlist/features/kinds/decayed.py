"""A count that fades: every event loses half its weight after each half-life. What is trending."""

from __future__ import annotations

from functools import cached_property

from shortlist.core.types import Array
from shortlist.features.base import Feature, FeatureConfig, FeatureOwner, View
from shortlist.features.measures import Measure, Query
from shortlist.features.windows import parse_span


class Config(FeatureConfig):
    """Settings of `decayed`."""

    events: tuple[str, ...] = ()
    """Types of events that count, "impression" for items shown; none counts every interaction."""
    half_life: str | float = "3d"
    """Span such as "3h", or seconds."""
    value: bool = False
    """Whether an event weighs its value instead of one."""


class Decayed(Feature):
    """Faded number of events; an entity without any has 0."""

    Config = Config
    owners: tuple[FeatureOwner, ...] = ("item", "user")
    unit = "events"

    @cached_property
    def half_life_s(self) -> float:
        """Seconds after which an event counts half."""
        return parse_span(self.config.half_life, "half_life")

    def queries(self) -> tuple[Query, ...]:
        """One faded sum."""
        c = self.config
        return (Query(Measure(self.owner, c.events, "decay", c.value, half_life_s=self.half_life_s)),)  # type: ignore[arg-type]

    def compute(self, view: View) -> Array:
        """float64[N], of users [B]."""
        return view.numbers[self.reads[0]]
