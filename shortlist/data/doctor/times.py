"""Checks of times: units, the future, the dawn of time, and clocks that disagree."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shortlist.data.dataset import Dataset
from shortlist.data.doctor.finding import MANY_EXAMPLES, Finding

SKEW_S = 300.0
"""Clocks may differ by this much before we mention it."""


def clock(data: Dataset, now: float) -> Iterator[Finding]:
    """Are the times seconds of the past?"""
    at = data.interactions.at
    if len(at) == 0:
        return
    if data.clock != "unix":
        what = "Times are only the order inside each user" if data.clock == "rank" else "There are no times"
        yield Finding(
            f"clock_{data.clock}",
            "info",
            f"{what}.",
            "Trends, half-lives and splits in time mean nothing here; use leave-last-out.",
            len(at),
        )
        return
    if len(at) > 1 and at.min() == at.max():
        yield Finding(
            "constant_time",
            "error",
            "All events carry the same time.",
            "Check which column was taken for the time; without times only the order of the file is left.",
            len(at),
        )
        return
    millis = at > 1e11
    if millis.any():
        yield Finding(
            "millisecond_times",
            "error",
            f"{int(millis.sum())} times look like milliseconds (or finer), not seconds.",
            'Read them with time_unit="ms".',
            int(millis.sum()),
        )
    future = (at > now + SKEW_S) & ~millis
    if future.any():
        ahead = float(at[future].max() - now)
        yield Finding(
            "future_times",
            "error" if future.mean() > 0.01 else "warning",
            f"{int(future.sum())} events lie in the future, by up to {_span(ahead)}.",
            "Correct the sender's clock or zone; such events would lead every list of what is new.",
            int(future.sum()),
        )
    ancient = at < 631_152_000  # 1990: before there were logs of clicks
    counter = bool(ancient.all() and at.min() >= 0)
    if counter:
        yield Finding(
            "counter_times",
            "info",
            "The times are small numbers: a counter rather than seconds since 1970.",
            "Half-lives and windows are then in steps of that counter.",
            len(at),
        )
    elif ancient.any():
        yield Finding(
            "ancient_times",
            "warning",
            f"{int(ancient.sum())} events lie before 1990; zero often means an unknown time.",
            "Drop them or restore their times.",
            int(ancient.sum()),
        )
    if not counter and len(at) >= 100:
        whole_days = float(np.mean(at % 86_400 == 0))
        if whole_days > 0.95:
            yield Finding(
                "day_times",
                "info",
                "Times are whole days, so the order within a day is that of the file.",
                "Keep the file in the order in which things happened.",
                int(whole_days * len(at)),
            )


def order(data: Dataset, now: float) -> Iterator[Finding]:
    """A log that is written as things happen goes forward; where one mostly does, backward steps are skewed clocks."""
    events = data.interactions
    if data.clock != "unix" or len(events) < 20:
        return
    started = ~np.isin(events.type, [i for i, name in enumerate(events.types) if name == "history"])
    at = events.at[started]
    if len(at) < 20:
        return
    # How far each event lies behind the latest one recorded before it.
    behind = np.maximum.accumulate(at) - at
    forward = float(np.mean(np.diff(at) >= 0))
    late = behind > SKEW_S
    if forward > 0.9 and late.any():
        yield Finding(
            "clock_skew",
            "warning",
            f"{int(late.sum())} events of a log in time order are dated back, by up to {_span(float(behind.max()))}.",
            "Check the clocks of the senders and late deliveries; order within a user may be wrong.",
            int(late.sum()),
        )
    table = data.item_table
    column = next(
        (name for name in ("published_at", "created_at") if table is not None and name in table.columns), None
    )
    if table is not None and column is not None and table[column].dtype.is_numeric():
        born = table[column].cast(float).fill_null(-np.inf).to_numpy()
        early = events.at < born[events.item] - SKEW_S
        if early.any():
            items = np.unique(events.item[early])
            yield Finding(
                "before_publication",
                "warning",
                f"{int(early.sum())} events are older than the item they are about.",
                "Check zones and clocks of catalogue and log.",
                int(early.sum()),
                tuple(data.items.decode(items[:MANY_EXAMPLES])),
            )


def _span(seconds: float) -> str:
    for unit, size in (("years", 31_557_600.0), ("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
