"""Clicks as two things at once: the place was looked at, and the item was wanted. A loss for boosted trees.

P(click at place p) = propensity[p] * sigmoid(score). Trees learn the score, so that what stood low is not taken for
unwanted; after every tree the propensity of each place is set to what makes the clicks most likely. The first place
has propensity 1: only ratios can be told from clicks. Items must have been shown at changing places; a list that
always has the same order cannot say whether it was the place or the item.

Papers: Richardson, Dominowska and Ragno, "Predicting Clicks", WWW 2007 (examination hypothesis); Wang et al., "Position
Bias Estimation for Unbiased Learning to Rank in Personal Search", WSDM 2018, whose regression and estimate of places
alternate; here both follow the likelihood of the clicks itself, tree by tree.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shortlist.core.types import Floats, Ints
from shortlist.models.ranking._odds import sigmoid

PLACES = 50
"""Places with a propensity of their own; those below share the last one."""
LEAST = 1e-3
"""Smallest propensity."""
STEPS = 3
"""Newton steps of the propensities after each tree."""


class Examination:
    """The loss, with the propensities it has found so far.

    Args:
        label: float64[N], clicks.
        position: int64[N], places from 0.

    Attributes:
        propensity: float64[P].
        start: log odds that every score begins with.
    """

    def __init__(self, label: Floats, position: Ints) -> None:
        self._click, self._place = label > 0.5, places(position)
        self.propensity: Floats = np.ones(int(self._place.max()) + 1)
        top = self._click[self._place == 0] if (self._place == 0).any() else self._click
        rate = (float(top.sum()) + 0.5) / (len(top) + 1.0)
        self.start = float(np.log(rate / (1.0 - rate)))

    def __call__(self, raw: Floats, data: Any) -> tuple[Floats, Floats]:
        """Gradient and expected curvature of the negative log likelihood, as LightGBM asks for them."""
        wanted = sigmoid(raw + self.start)
        self._place_propensities(wanted)
        seen = self.propensity[self._place]
        missed = np.maximum(1.0 - seen * wanted, 1e-9)
        gradient = np.where(self._click, wanted - 1.0, seen * wanted * (1.0 - wanted) / missed)
        curvature = seen * wanted * (1.0 - wanted) ** 2 / missed
        return gradient, np.maximum(curvature, 1e-9)

    def _place_propensities(self, wanted: Floats) -> None:
        clicks = np.bincount(self._place, self._click, minlength=len(self.propensity))
        unclicked = np.where(self._click, 0.0, wanted)
        for _ in range(STEPS):
            missed = np.maximum(1.0 - self.propensity[self._place] * wanted, 1e-9)
            slope = clicks / self.propensity - np.bincount(self._place, unclicked / missed, len(clicks))
            bend = clicks / self.propensity**2 + np.bincount(self._place, (unclicked / missed) ** 2, len(clicks))
            moved = self.propensity + slope / np.maximum(bend, 1e-9)
            self.propensity = np.clip(moved, self.propensity / 2, self.propensity * 2).clip(LEAST, 1.0)
            self.propensity[0] = 1.0

    def loss(self, position: Ints) -> Any:
        """The same likelihood on held-out rows, as LightGBM's measure for early stopping."""
        place = np.minimum(places(position), len(self.propensity) - 1)

        def measure(raw: Floats, data: Any) -> tuple[str, float, bool]:
            p = np.clip(self.propensity[place] * sigmoid(raw + self.start), 1e-12, 1.0 - 1e-12)
            click = data.get_label() > 0.5
            return "examination", float(-np.mean(np.where(click, np.log(p), np.log1p(-p)))), False

        return measure


def places(position: Ints) -> Ints:
    """Places from 0, the far ones as one."""
    return np.minimum(position, PLACES - 1)
