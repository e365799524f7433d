"""Windows of time and the grain at which they move: `1h`, `24h`, `7d`, `28d`, any other span, or `all`.

A window reads from a boundary up to `now`. Boundaries stand at whole multiples of the grain in UTC, so that a state
which keeps one row per grain answers exactly what the full log answers: the window `24h` has a grain of one hour and
begins at the first full hour that is less than 24 hours ago. It therefore spans between 23 and 24 hours.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from shortlist.core.errors import BadSpec
from shortlist.core.types import Floats

GRAINS = (86_400.0, 21_600.0, 3_600.0, 300.0, 60.0, 1.0)
"""Seconds: a day, six hours, an hour, five minutes, a minute, a second."""
STEPS = 12
"""A window has at least so many grains."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_SPAN = re.compile(r"([0-9]{1,7})([smhd])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """A span that ends at `now`.

    Attributes:
        grain_s: distance of possible beginnings in seconds; 0 for the window `all`.
        grains: how many of them the window spans.
    """

    grain_s: float = 0.0
    grains: int = 0

    @property
    def is_all(self) -> bool:
        """Whether it begins with the first event."""
        return self.grains == 0

    def begin(self, now: float) -> float:
        """The earliest time that counts at `now`; minus infinity for `all`."""
        if self.is_all:
            return -math.inf
        return float(self.begins(np.array([now]))[0])

    def begins(self, now: Floats) -> Floats:
        """float64[n], the same for many times."""
        if self.is_all:
            return np.full(len(now), -np.inf)
        begun: Floats = (cells(now, self.grain_s) - self.grains + 1) * self.grain_s
        return begun


def cells(at: Floats, grain_s: float) -> Floats:
    """float64[n], how many whole grains lie before each time; as `kernels.cell`."""
    n: Floats = np.floor(at / grain_s)
    return n - (n * grain_s > at)


ALL = Window()


def parse_span(text: str | float, field: str) -> float:
    """Seconds of a span such as "90s", "15m", "24h" or "7d", or of a number of seconds above 0.

    Raises:
        BadSpec: it is no span; names the field.
    """
    if not isinstance(text, str):
        if not (math.isfinite(text) and text > 0):
            raise BadSpec(f"'{field}' must be longer than nothing.", hint="Write a span such as 24h.", field=field)
        return float(text)
    found = _SPAN.fullmatch(text)
    seconds = 0.0 if found is None else int(found[1]) * _UNITS[found[2]]
    if not seconds:
        hint = "Write a whole number and s, m, h or d, such as 24h."
        raise BadSpec(f"'{text[:40]}' is no span of time.", hint=hint, field=field)
    return seconds


def parse_window(text: str, field: str = "window") -> Window:
    """The window of a span, or of "all".

    Raises:
        BadSpec: it is neither, or shorter than twelve seconds.
    """
    if text == "all":
        return ALL
    seconds = parse_span(text, field)
    grain = next((one for one in GRAINS if one * STEPS <= seconds), 0.0)
    if not grain:
        raise BadSpec(f"The window '{text}' is shorter than {STEPS} s.", hint="Use 12s or more.", field=field)
    return Window(grain, math.ceil(seconds / grain))
