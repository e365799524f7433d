"""Which part of a log may be trained on: whole partitions, never the one that is still being written.

A log is complete up to a moment once something later than that moment by the allowed lateness has arrived in it. A job
that runs too early otherwise learns from half a day, and from a half that looks like no whole one.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from shortlist.core.errors import BadConfig, Incomplete
from shortlist.data.dataset import Dataset


def complete_until(data: Dataset, until: float, *, lateness_s: float = 0.0) -> Dataset:
    """The log strictly before a moment, if it is complete up to there.

    Args:
        data: a log with a clock.
        until: UTC seconds, the end of the last partition.
        lateness_s: seconds that an event may arrive late.

    Raises:
        Incomplete: nothing as late as `until` + `lateness_s` has arrived.
        BadConfig: the log has no clock, or the numbers are none.
    """
    if data.clock != "unix":
        hint = "Leave `until` out: times of this log only say what came first."
        raise BadConfig("A log without a clock has no days.", hint=hint, field="until")
    if not (np.isfinite(until) and np.isfinite(lateness_s) and lateness_s >= 0):
        raise BadConfig("`until` and `lateness_s` must be finite, lateness at least 0.", hint="Give UTC seconds.")
    latest = watermark(data)
    if not latest >= until + lateness_s:
        reached = "is empty" if np.isnan(latest) else f"reaches {_text(latest)}"
        wanted = _text(until + lateness_s)
        raise Incomplete(
            f"The log {reached}; to train on everything before {_text(until)} it must reach {wanted}.",
            hint="Wait for the rest of it, or take an earlier `until`.",
            field="until",
        )
    return data.before(until)


def watermark(data: Dataset) -> float:
    """UTC seconds of the latest event or impression; NaN for an empty log."""
    times = [data.interactions.at, *([] if data.impressions is None else [data.impressions.at])]
    return max((float(at.max()) for at in times if len(at)), default=float("nan"))


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
