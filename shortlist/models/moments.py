"""Scores that are the same for everybody at one moment, and the events they are read from.

Requests of one batch mostly share their `now`, so such scores are worked out once per distinct moment. Events at or
after the moment are cut off first: a replay of the past must not see its own future.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from shortlist.core.types import Floats, Ints
from shortlist.data.dataset import Dataset


@dataclass(frozen=True, slots=True)
class TimedEvents:
    """Events in order of time.

    Attributes:
        item: int64[E].
        at: float64[E], not decreasing.
    """

    item: Ints
    at: Floats

    @classmethod
    def of(cls, data: Dataset) -> Self:
        """All interactions of a dataset."""
        order = data.interactions.time_order
        return cls(data.interactions.item[order], data.interactions.at[order])

    def plus(self, item: Ints, at: Floats) -> TimedEvents:
        """With further events, each behind those of the same time."""
        order = np.argsort(np.r_[self.at, at], kind="stable")
        return TimedEvents(np.r_[self.item, item][order], np.r_[self.at, at][order])

    def since(self, start: float) -> TimedEvents:
        """Only the events at or after `start`."""
        n = int(np.searchsorted(self.at, start, side="left"))
        return TimedEvents(self.item[n:], self.at[n:])

    def before(self, now: float) -> TimedEvents:
        """Only the events strictly before `now`."""
        n = int(np.searchsorted(self.at, now, side="left"))
        return TimedEvents(self.item[:n], self.at[:n])


def by_moment(now: Floats, score: Callable[[float], Floats]) -> Floats:
    """float64[B, M]: `score(now[b])` [M] for each request, worked out once per distinct moment."""
    if len(now) == 0:
        return score(0.0)[None][:0]
    moments, which = np.unique(now, return_inverse=True)
    return np.stack([score(float(moment)) for moment in moments])[which]
