"""The arithmetic of BM25, for words in texts and for events of users alike.

A thing that occurs often in one place says more, but every further time adds less, and less again where the place is
long; and the fewer places have it, the more it says.

Paper: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.
"""

from __future__ import annotations

from typing import Any

import numpy as np

K1 = 1.2
"""How soon repeating a word stops helping, as most text search has it."""
B = 0.75
"""How much long texts are held back, likewise."""


def saturated(count: Any, length: Any, mean_length: float, *, k1: float = K1, b: float = B) -> Any:
    """What `count` occurrences are worth: 0 for none, 1 for one in a text of mean length, below `k1` + 1 always.

    Args:
        count: a number or float64[n], not negative.
        length: of the text, in occurrences of anything; a number or float64[n].
        mean_length: of all texts, above zero.
        k1: at 0 a second occurrence adds nothing, at infinity it adds as much as the first.
        b: 0 leaves length out, 1 compares counts per length.
    """
    return count * (k1 + 1.0) / (count + k1 * (1.0 - b + b * length / mean_length))


def rarity(n_texts: float, seen: Any) -> Any:
    """How much a word says that `seen` of `n_texts` texts have: never negative, however common it is."""
    return np.log1p((n_texts - seen + 0.5) / (seen + 0.5))
