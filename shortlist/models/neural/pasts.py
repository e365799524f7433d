"""Pasts as arrays: the tokens of what a user did and how long ago, one row per request, oldest event first.

No torch here: training, scoring and serving without torch read pasts with this one code.
"""

from __future__ import annotations

import numpy as np

from shortlist.core.types import Array, Floats, History, Ints
from shortlist.models.history import within
from shortlist.models.neural.fields import UNKNOWN

TARGET, PAST, AGE, NEGATIVE = "target", "past", "past_age", "negative"
"""Names of the columns beside those of the schema: tokens [B], tokens [B, L], seconds [B, L], tokens [B, L]."""


def pasts_of(history: History, now: Floats, token: Ints, most: int, length: int | None = None) -> tuple[Array, Array]:
    """Tokens int64[R, L] and seconds before now float64[R, L], padded on the right with zeros.

    Args:
        history: of R requests; items without a token of their own are dropped.
        now: float64[R], the moment of each request.
        token: int64[M], token of each item.
        most: latest events that are read.
        length: L; None takes that of the longest past, at least 1.
    """
    past = within(history, token > UNKNOWN).last(most)
    place = np.arange(len(past.item)) - past.offsets[past.row]
    shape = (len(past), max(1, int(past.lengths.max(initial=1))) if length is None else length)
    tokens, age = np.zeros(shape, np.int64), np.zeros(shape)
    tokens[past.row, place] = token[past.item]
    age[past.row, place] = now[past.row] - past.at
    return tokens, age


def tokens_at(token: Ints, item: Ints) -> Ints:
    """int64[N], tokens of items; those beyond the catalogue that was learned are unknown."""
    inside = (item >= 0) & (item < len(token))
    return np.where(inside, token[np.where(inside, item, 0)], UNKNOWN)
