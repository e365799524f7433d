"""Log odds and probabilities."""

from __future__ import annotations

import numpy as np

from shortlist.core.types import Floats


def sigmoid(x: Floats) -> Floats:
    """Probabilities of log odds; never overflows."""
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1.0, small) / (1.0 + small))
