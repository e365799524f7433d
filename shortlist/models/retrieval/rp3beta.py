"""RP3beta: a two-step random walk from past items through their users to other items, popularity damped.

From each past item the walk steps to a random user who had it and on to a random item of that user; dividing by a power
of the answer's popularity keeps blockbusters from winning everywhere. Level with graph networks on sparse data, learns
online and explains itself; it ignores the order of events, so prefer `trails` where order matters.

Paper: Paudel, Christoffel, Newell, Bernstein, "Updatable, Accurate, Diverse, and Scalable Recommendations for
Interactive Applications", TiiS 2017. In symbols, with n_i the users of item i, C = X' diag(1/|past|) X and a zero
diagonal: score(j) = sum over past items i of C[i, j] / (n_i^(1-beta) * n_j^beta).
Cost: sum of squared user lengths; a fraction of a second at 100,000 events. Not for users without any past item.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shortlist.models.base import ModelConfig
from shortlist.models.retrieval._cooccurrence import WalkConfig, WalkModel


class Config(WalkConfig):
    """Settings of `Rp3Beta`."""

    beta: float = Field(default=0.2, ge=0, le=1)
    """Popularity damping of the answer: 0 divides by the popularity of the past item only, 1 by the answer's only."""


class Rp3Beta(WalkModel):
    """Two-step random walk over distinct items.

    Learned: see `WalkModel`.
    """

    Config: ClassVar[type[ModelConfig]] = Config
    repeats_count = False
