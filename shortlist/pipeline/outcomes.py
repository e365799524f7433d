"""What became of an item after it was shown: labels beside the click, read from later events.

A spec names them under `[training.labels]`: which types of events count, within how long, and after which other label.
What has not happened yet may still happen while the wait lasts, so such a row's label is not known (NaN) and teaches
nothing; a label that has happened is known at once, an amount (seconds watched) when the wait is over.
Cost: two binary searches per row and label.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from shortlist.core.errors import BadSpec, nearest_hint
from shortlist.core.types import Floats, Ints
from shortlist.data.dataset import Dataset
from shortlist.pipeline.spec import LabelSpec

CLICK = "click"
"""The label that impressions bring themselves."""


def outcomes(
    rules: Mapping[str, LabelSpec], data: Dataset, user: Ints, item: Ints, at: Floats, click: Floats
) -> dict[str, Floats]:
    """Labels of shown items.

    Args:
        rules: by label.
        data: the log; nothing is known of what lies beyond its end.
        user: int64[N], to whom it was shown; -1 for nobody known, of whom nothing is known later.
        item: int64[N].
        at: float64[N], when.
        click: float64[N].

    Returns:
        float64[N] by label: 1 happened, 0 did not, or the sum of what happened; NaN not known yet.

    Raises:
        BadSpec: a type of event that the log does not have.
    """
    found: dict[str, Floats] = {CLICK: click}
    for label, rule in rules.items():
        became = _became(rule, data, user, item, at)
        known = at + rule.within_s <= _end(data)
        if not rule.amount:
            known |= became > 0
        known &= (user >= 0) & (user < data.n_users)
        value: Floats = np.where(known, became, np.nan)
        if rule.after:
            # Without the step before there is nothing to wait for.
            before = found[rule.after]
            value = np.where(before == 0, 0.0, np.where(np.isnan(before), np.nan, value))
        found[label] = value
    del found[CLICK]
    return found


def _became(rule: LabelSpec, data: Dataset, user: Ints, item: Ints, at: Floats) -> Floats:
    """float64[N], whether such an event of this user with this item lies in the wait, ends included, or their sum."""
    events = data.interactions
    for name in rule.events:
        if name not in events.types:
            raise BadSpec(
                f"'{data.name}' has no events of type '{name}'.",
                hint=nearest_hint(name, events.types),
                field="training.labels",
            )
    types = [events.types.index(name) for name in rule.events]
    counts = np.isin(events.type, types)
    if rule.at_least is not None:
        counts &= events.value >= rule.at_least
    width = max(1, data.n_items)
    key = events.user[counts] * width + events.item[counts]
    when = events.at[counts]
    order = np.lexsort((when, key))
    # Each pair's events stand together; ranks of all keys and times make one ascending axis to search on.
    moments = np.unique(np.concatenate([when, at, at + rule.within_s]))
    n = len(moments) + 1
    axis = key[order] * n + np.searchsorted(moments, when[order])
    mine = (user * width + item) * n
    first = np.searchsorted(axis, mine + np.searchsorted(moments, at), side="left")
    last = np.searchsorted(axis, mine + np.searchsorted(moments, at + rule.within_s), side="right")
    if not rule.amount:
        return (last > first).astype(np.float64)
    value = np.maximum(np.nan_to_num(events.value[counts][order].astype(np.float64)), 0.0)
    total = np.r_[0.0, np.cumsum(value)]
    amount: Floats = total[last] - total[first]
    return amount


def _end(data: Dataset) -> float:
    """The last moment of the log."""
    shown = data.impressions
    last = [float(data.interactions.at.max(initial=-np.inf))]
    return max(last + ([float(shown.at.max(initial=-np.inf))] if shown is not None else []))
