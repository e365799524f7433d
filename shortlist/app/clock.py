"""Service time: the wall clock, or for old data the clock that goes on where the data ends.

Half-lives and "what is new" need a `now` near the data. A log that ends today is served by the wall clock. A public log
that ended years ago, or one that only knows an order, would look dead at once; for those the moment of publication is
taken to be an hour after the last event, and time runs on from there; events between the two keep their order within
that hour. Nothing else in the package knows of this.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

OLD_AFTER_S = 30 * 86_400.0
"""A log whose last event is older than this at publication is continued instead of mourned."""
STEP_S = 1e-5
"""Least distance between an event and the next question; well above what float64 resolves in UTC seconds."""


GAP_S = 3600.0
"""Service time between the end of old data and its publication."""


class Clock:
    """Turns wall time into service time, and never stands before an event that was already taken in.

    Args:
        data_end: latest event of the data, by the data's own clock; None without events.
        published_at: wall time of publication.
        has_dates: whether the data's times are UTC seconds.
        wall: gives wall time.
    """

    def __init__(
        self,
        data_end: float | None,
        published_at: float,
        *,
        has_dates: bool = True,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._wall = wall
        self._lock = threading.Lock()
        self._latest = float("-inf")
        self._end = data_end
        self._published_at = published_at
        self._has_dates = has_dates
        self.continues = data_end is not None and (not has_dates or published_at - data_end > OLD_AFTER_S)
        """Whether service time differs from wall time."""

    def of(self, wall_at: float) -> float:
        """Service time of a wall time; increasing, and the identity unless the clock continues old data."""
        if not self.continues or self._end is None:
            return wall_at
        if self._has_dates and wall_at <= self._end:
            return wall_at
        if wall_at >= self._published_at:
            return self._end + GAP_S + wall_at - self._published_at
        if self._has_dates:
            return self._end + GAP_S * (wall_at - self._end) / (self._published_at - self._end)
        return self._end + GAP_S / (1.0 + (self._published_at - wall_at) / 86_400.0)

    def to_wall(self, at: float) -> float | None:
        """Wall time of a service time; None where the data has no dates and the event is from the data."""
        if not self.continues or self._end is None:
            return at
        if at <= self._end:
            return at if self._has_dates else None
        beyond = at - self._end
        if beyond >= GAP_S:
            return beyond - GAP_S + self._published_at
        if self._has_dates:
            return self._end + beyond / GAP_S * (self._published_at - self._end)
        return self._published_at - (GAP_S / beyond - 1.0) * 86_400.0

    def saw(self, at: float) -> None:
        """Note an event at service time `at`; later questions stand after it even if the wall clock steps back."""
        with self._lock:
            self._latest = max(self._latest, at)

    def wall(self) -> float:
        """Wall time, UTC seconds."""
        return self._wall()

    def now(self) -> float:
        """Service time of a question asked now: strictly after every event taken in."""
        return max(self.of(self._wall()), self._latest + STEP_S)
