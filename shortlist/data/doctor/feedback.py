"""Checks of what people said: ratings, weights, what was shown, what was clicked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shortlist.data.dataset import Dataset
from shortlist.data.doctor.finding import Finding


def values(data: Dataset, now: float) -> Iterator[Finding]:
    """What do the values mean?"""
    events = data.interactions
    value = events.value
    if len(value) == 0:
        return
    distinct = np.unique(value)
    if len(distinct) == 1:
        if distinct[0] != 1:
            yield Finding(
                "constant_value", "info", f"Every value is {float(distinct[0]):g}.", "It carries no weight.", len(value)
            )
        names = [name for name in events.types if _letters(name) in ("impression", "shown", "view", "show", "exposure")]
        if names and len(events.types) > 1 and data.impressions is None:
            code = [events.types.index(name) for name in names]
            rows = int(np.isin(events.type, code).sum())
            yield Finding(
                "looks_like_impressions",
                "warning",
                f"{rows} events of type {', '.join(names)} look like what was shown, not what was done.",
                "Give them as impressions, or leave the type out of training.",
                rows,
                tuple(names),
            )
        return
    if set(distinct.tolist()) <= {0.0, 1.0}:
        shown = int((value == 0).sum())
        yield Finding(
            "looks_like_impressions",
            "warning",
            f"Values are 0 and 1 ({shown} zeros): rows with 0 look like shown and not clicked.",
            "Give them as impressions; taken as interactions, every 0 counts as a liking.",
            shown,
        )
    elif len(distinct) <= 21 and distinct[0] >= 0 and distinct[-1] <= 10:
        top = float(distinct[-1])
        bar = 4.0 if top <= 5 else float(np.ceil(0.7 * top))
        share = float((value >= bar).mean())
        yield Finding(
            "looks_like_ratings",
            "info",
            f"Values are a scale from {float(distinct[0]):g} to {top:g}; {share:.0%} are at least {bar:g}.",
            f"Positive is usually {bar:g} and above; models of choice use every rating as a sign of interest.",
            int((value >= bar).sum()),
        )
    if (value < 0).any():
        yield Finding(
            "negative_values",
            "warning",
            f"{int((value < 0).sum())} values are negative.",
            "Weights must not be negative; keep dislikes as an event type of their own.",
            int((value < 0).sum()),
        )


def shown(data: Dataset, now: float) -> Iterator[Finding]:
    """Can a ranker learn from the impressions?"""
    shown = data.impressions
    if shown is None or len(shown) == 0:
        return
    rate = float(shown.clicked.mean()) if len(shown.clicked) else 0.0
    if not shown.clicked.any():
        yield Finding(
            "no_clicks_on_impressions",
            "error",
            "No shown item was ever clicked, so a ranker has nothing to learn.",
            "Check that clicks carry the request id of the list they answer.",
            len(shown),
        )
    elif rate > 0.5:
        yield Finding(
            "clicked_share",
            "warning",
            f"{rate:.0%} of all shown items were clicked.",
            "That is more than people do; check that lists hold what was not clicked, too.",
            int(shown.clicked.sum()),
        )
    full = np.bincount(shown.row[shown.clicked], minlength=len(shown)) if len(shown) else np.zeros(0, np.int64)
    empty = int((full == 0).sum())
    if empty and shown.clicked.any():
        yield Finding(
            "impressions_without_click",
            "info",
            f"{empty} of {len(shown)} lists have no click.",
            "They teach a ranker only through its base rate.",
            empty,
        )


def _letters(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalpha())
