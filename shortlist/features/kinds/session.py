"""What is going on right now: the run of the user's last events without a long pause.

The session is over, and its numbers are those of an empty one, when the last event is longer ago than `gap`.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from shortlist.core.errors import BadSpec
from shortlist.core.types import Array, History, offsets_of
from shortlist.features.base import Feature, FeatureConfig, FeatureOwner, View, need_column
from shortlist.features.catalogue import gather
from shortlist.features.windows import parse_span


class Config(FeatureConfig):
    """Settings of `session`."""

    of: Literal["length", "idle", "distinct"] = "length"
    """length: its events. idle: seconds since the last event of all, NaN without one. distinct: different values of
    `column` in it."""
    gap: str | None = "30m"
    """Pause that ends a session; null takes the whole past that was read."""
    column: str = ""
    """Catalogue column whose values `distinct` counts; items themselves when empty."""


class Session(Feature):
    """One number about the session."""

    Config = Config
    owners: tuple[FeatureOwner, ...] = ("user",)

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.gap_s = np.inf if self.config.gap is None else parse_span(self.config.gap, "gap")
        if self.config.unit is None:
            self.unit = {"length": "events", "idle": "s", "distinct": "labels"}[self.config.of]
        if self.config.column and self.config.of != "distinct":
            hint = 'Only of = "distinct" reads a column.'
            raise BadSpec(f"feature '{self.name}' does not read 'column'.", hint=hint, field="column")

    def check(self, catalogue: Any, profiles: Any) -> None:
        """Raises: BadSpec if there is no such column."""
        if self.config.column:
            need_column(self, catalogue, self.config.column, "item")

    def compute(self, view: View) -> Array:
        """float64[B]."""
        history, now = view.requests.history, view.requests.now
        if self.config.of == "idle":
            out = np.full(len(history), np.nan)
            some = history.lengths > 0
            out[some] = now[some] - history.at[history.offsets[1:][some] - 1]
            return out
        session = _current(history, now, float(self.gap_s))
        if self.config.of == "length":
            return session.lengths.astype(np.float64)
        if not self.config.column:
            values: list[Any] = session.item.tolist()
        else:
            values = gather(view.catalogue.column(self.config.column), session.item).tolist()
        sets: list[set[Any]] = [set() for _ in range(len(session))]
        for b, value in zip(session.row.tolist(), values, strict=True):
            sets[b].update(value if isinstance(value, tuple) else (value,) if value not in ("", None) else ())
        return np.array([len(one) for one in sets], np.float64)


def _current(history: History, now: Array, gap_s: float) -> History:
    """The events behind the last long pause."""
    if not np.isfinite(gap_s) or not len(history.item):
        return history
    stop = history.offsets[1:]
    following = np.empty(len(history.at))
    following[:-1] = history.at[1:]
    some = history.lengths > 0
    following[stop[some] - 1] = now[some]
    # The last event of each request behind which the pause is too long; the session begins after it.
    broken = np.where(following - history.at > gap_s, np.arange(len(history.at)), -1)
    begin = history.offsets[:-1].copy()
    np.maximum.at(begin, history.row, broken + 1)
    lengths = stop - begin
    offsets = offsets_of(lengths)
    index = np.repeat(begin - offsets[:-1], lengths) + np.arange(offsets[-1])
    return History(history.item[index], history.at[index], offsets)
