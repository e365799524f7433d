"""Factors on scores: fresh items a little up, others untouched."""

from __future__ import annotations

import numpy as np

from shortlist.core.types import Array, Floats


def boosted(score: Floats, factor: Floats | float) -> Floats:
    """Scores times a factor in the direction that helps: a negative score is divided, so 1.2 always moves up."""
    out: Floats = np.where(score >= 0, score * factor, score / factor)
    return out


def is_fresh(published_at: Floats, now: Floats, within_s: float) -> Array:
    """bool[N], published at most `within_s` seconds before `now`; unknown and future times are not fresh."""
    age = now - published_at
    return (age >= 0) & (age < within_s)
