"""Click rate without the advantage of the upper places: clicks over expected clicks.

An item shown at place p (from 0) is looked at with probability (p + 1)^-eta; an impression weighs that much. An item
that was only ever shown at the bottom is not punished for it.

Papers: Zhang and Jones, "Comparing Click Logs and Editorial Labels for Training Query Rewriting", 2007 (clicks over
expected clicks); Wang et al., "Position Bias Estimation for Unbiased Learning to Rank", WSDM 2018.
"""

from __future__ import annotations

from pydantic import Field

from shortlist.features.kinds.rate import Config as RateConfig
from shortlist.features.kinds.rate import Rate
from shortlist.features.measures import Measure, Owner


class Config(RateConfig):
    """Settings of `debiased_ctr`."""

    eta: float = Field(1.0, gt=0, le=5)
    """How fast attention falls from place to place."""


class DebiasedCtr(Rate):
    """Clicks per look."""

    Config = Config

    def occasion(self, owner: Owner) -> Measure:
        """An item shown, by the chance that it was looked at."""
        return Measure(owner, self.config.per, eta=self.config.eta)
