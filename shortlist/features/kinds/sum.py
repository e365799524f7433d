"""Sum of the values of events in a window: seconds watched, euros spent, stars given."""

from __future__ import annotations

from shortlist.features.base import FeatureOwner
from shortlist.features.kinds.count import Count


class Sum(Count):
    """Sum of values; an entity without events has 0."""

    owners: tuple[FeatureOwner, ...] = ("item", "user")
    unit = "value"
    weighs_value = True
