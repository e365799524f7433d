"""How often one thing follows another, smoothed: clicks per impression, likes per view.

rate = (n + s * p) / (d + s): n events among d occasions, pulled to the prior p with the strength of s occasions. The
prior is stated or, if not, the rate over everything in the same window, as of the same moment.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from pydantic import Field

from shortlist.core.types import Array, Floats
from shortlist.features.base import Feature, FeatureConfig, FeatureOwner, View
from shortlist.features.measures import Measure, Owner, Query
from shortlist.features.windows import Window, parse_window


class Config(FeatureConfig):
    """Settings of `rate`."""

    events: tuple[str, ...] = ("click",)
    """Types that count as a success."""
    per: tuple[str, ...] = ("impression",)
    """Types that count as an occasion; "impression" stands for an item shown."""
    window: str = "all"
    """Span such as "1h", "24h", "7d", "28d", or "all"."""
    prior_strength: float = Field(20.0, ge=0)
    """Occasions that the prior weighs; 0 does not smooth."""
    prior_rate: float | None = Field(None, ge=0)
    """Rate of somebody unknown; when absent, the rate of all together in the same window."""


class Rate(Feature):
    """Smoothed rate; NaN without occasions if nothing smooths."""

    Config = Config
    owners: tuple[FeatureOwner, ...] = ("item", "user")

    @cached_property
    def window(self) -> Window:
        """The span that counts."""
        return parse_window(self.config.window)

    def occasion(self, owner: Owner) -> Measure:
        """What counts as an occasion."""
        return Measure(owner, self.config.per)

    def pair(self, owner: Owner) -> tuple[Query, Query]:
        """Successes and occasions of an owner."""
        return Query(Measure(owner, self.config.events), self.window), Query(self.occasion(owner), self.window)

    def queries(self) -> tuple[Query, ...]:
        """Two sums, and two more where the prior is everybody's rate."""
        own = self.pair(self.owner)  # type: ignore[arg-type]
        smooths = self.config.prior_strength > 0 and self.config.prior_rate is None
        return (*own, *self.pair("all")) if smooths else own

    def compute(self, view: View) -> Array:
        """float64[N], of users [B]."""
        queries = self.reads
        done, asked = view.numbers[queries[0]], view.numbers[queries[1]]
        prior: float | Floats = self.config.prior_rate or 0.0
        if len(queries) == 4:
            prior = _ratio(view.numbers[queries[2]], view.numbers[queries[3]], 0.0)
            prior = prior if self.per_request else prior[view.row]
        strength = self.config.prior_strength
        return _ratio(done + strength * prior, asked + strength, np.nan)


def _ratio(a: Floats, b: Floats, otherwise: float) -> Floats:
    out: Floats = np.divide(a, b, out=np.full(len(b), otherwise), where=b > 0)
    return out
