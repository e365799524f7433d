"""Trails: which items follow and accompany which, counted, with recent events weighing most.

To the two-step walk of `rp3beta` it adds ordered pairs: what came after an item within a window of events counts more
the sooner it came. A request adds up the rows of its past items, the latest weighing most. It is level with trained
transformers on several public sequence sets and says nothing about items nobody had yet: pair it with `content`.

Symbols: with a history h_1..h_L, score(j) = sum over p of weight(L - p) * (C[h_p, j] + order_weight * T[h_p, j])
/ (n_{h_p}^(1-beta) * n_j^beta); C is the walk of `rp3beta`, T[i, j] = sum over users of gap^-gap_power for i before j,
weight(age) = decay^age * (1 + age)^-age_power.
Defaults: chosen on the validation events of MovieLens 100K and Amazon Beauty, never on their test events. A harmonic
weight (age_power 1) is as good on both as the best geometric one of each (decay .85 and .5), so nothing needs tuning.
Cost: sum of squared user lengths; a fifth of a second at 200,000 events, and every later event is a counter update.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from shortlist.core.types import Ints
from shortlist.models.base import ModelConfig
from shortlist.models.retrieval._cooccurrence import UNIT, WalkConfig, WalkModel


class Config(WalkConfig):
    """Settings of `Trails`."""

    age_power: float = Field(default=1.0, ge=0)
    """The past event with `age` events after it weighs (1 + age)^-age_power (times decay^age, if `decay` is set)."""
    window: int = Field(default=20, ge=1)
    """How many events apart two events of a user may be to count as one following the other."""
    gap_power: float = Field(default=0.5, ge=0)
    """How fast that counts less with the distance: a pair g events apart adds g^-gap_power."""
    order_weight: float = Field(default=1.0, ge=0, le=1000)
    """Weight of following against merely belonging to the same user."""


class Trails(WalkModel):
    """Recency-weighted sequential rules on top of a random walk.

    Learned: see `WalkModel`.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def order_steps(self) -> Ints:
        """int64[window + 1], what a pair (earlier, later) that many events apart adds, in units; entry 0 is unused."""
        gaps = np.arange(1, self.config.window + 1, dtype=np.float64)
        added = np.rint(UNIT * self.config.order_weight * gaps**-self.config.gap_power)
        steps: Ints = np.r_[0, added].astype(np.int64)
        return steps
