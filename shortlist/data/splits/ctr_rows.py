"""Single rows with a yes-or-no label, 80/10/10, for click models: at random as is usual, or in time as is honest."""

from __future__ import annotations

import numpy as np

from shortlist.core.errors import BadConfig, EmptyTraining
from shortlist.core.types import Array, Floats, Ints
from shortlist.data.dataset import Dataset
from shortlist.data.splits.base import RowSplit


def ctr_random_811(data: Dataset, *, positive: float | None = None, seed: int = 0) -> RowSplit:
    """Rows at random, 80/10/10: the usual split of click models, which lets a model see the user's future.

    Args:
        data: with impressions (label: clicked) or values (label: at least `positive`).
        positive: smallest value that counts as positive; None means 4 for ratings.
        seed: of the shuffle.
    """
    table, user, item, at, label, threshold = _labelled(data, positive)
    order = np.random.default_rng(seed).permutation(len(label))
    return _row_split("ctr-random-811", data, table, user, item, at, label, order, threshold, seed)


def ctr_time_811(data: Dataset, *, positive: float | None = None, seed: int = 0) -> RowSplit:
    """Rows in (time, file order), the first 80 % to learn from: harder and honest.

    Args:
        data: with a clock, and impressions (label: clicked) or values (label: at least `positive`).
        positive: smallest value that counts as positive; None means 4 for ratings.
        seed: recorded; nothing here is random.
    """
    if data.clock != "unix":
        raise BadConfig(
            f"'{data.name}' has no clock, so its rows have no common order.", hint="Use ctr-random-811.", field="data"
        )
    table, user, item, at, label, threshold = _labelled(data, positive)
    order = np.argsort(at, kind="stable")
    return _row_split("ctr-time-811", data, table, user, item, at, label, order, threshold, seed)


def cut_811(order: Array, name: str) -> tuple[Ints, Ints, Ints]:
    """The first 80 %, the next 10 % and the last 10 % of row numbers in an order.

    Raises:
        EmptyTraining: one of the parts would be empty; names the data.
    """
    order = order.astype(np.int64)
    first, second = int(0.8 * len(order)), int(0.9 * len(order))
    if first == 0 or second == first or second == len(order):
        raise EmptyTraining(f"'{name}' has too few rows for three parts.")
    return order[:first], order[first:second], order[second:]


def _labelled(data: Dataset, positive: float | None) -> tuple[str, Ints, Ints, Floats, Array, float | None]:
    shown = data.impressions
    if shown is not None and positive is None:
        row = shown.row
        return "impressions", shown.user[row], shown.item, shown.at[row], shown.clicked, None
    events = data.interactions
    threshold = positive if positive is not None else (4.0 if "rating" in events.types else None)
    label = events.value >= threshold if threshold is not None else np.ones(len(events), bool)
    if label.all() or not label.any():
        raise BadConfig(
            f"Every row of '{data.name}' would have the same label.",
            hint="Click models need what was shown and not clicked, or ratings; set `positive` for other scales.",
            field="positive",
        )
    return "interactions", events.user, events.item, events.at, label, threshold


def _row_split(
    protocol: str, data: Dataset, table: str, user: Ints, item: Ints, at: Floats, label: Array, order: Ints,
    threshold: float | None, seed: int,
) -> RowSplit:  # fmt: skip
    train, valid, test = cut_811(order, data.name)
    options = {"positive": threshold, "table": table, "seed": seed}
    return RowSplit(protocol, options, data, table, user, item, at, label, train, valid, test)
