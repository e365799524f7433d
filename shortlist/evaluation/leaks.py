"""Ways in which a figure can be too good to be true, and the checks that find them.

A split must not let a model learn from what it is asked, nor show a request its own future; a column must not be the
label in disguise. What is found raises `LeakDetected`: a leaking figure is never reported as an ordinary one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.errors import LeakDetected
from shortlist.core.types import Array, Floats
from shortlist.evaluation.metrics import auc

if TYPE_CHECKING:
    from shortlist.data.dataset import Dataset

TOO_GOOD = 0.995
"""AUC of a single column above which it is taken for the label itself; real columns of click logs stay below .95."""


def refuse_leaky_split(train: Dataset, test: Any) -> None:
    """Refuse a split whose answers can be read off its training part or its histories.

    A user who comes back to an item is not a leak: only training events of an asked pair at or after the moment of
    asking are, or any at all where the data has no times to tell.

    Args:
        train: what models fit on.
        test: `data.splits.Targets`.

    Raises:
        LeakDetected: says what leaks and how much.
    """
    size = np.int64(max(train.n_items, 1))
    row = np.repeat(np.arange(len(test.user)), np.diff(test.truth.offsets))
    known = (test.user[row] >= 0) & (test.truth.item >= 0)
    asked = test.user[row][known] * size + test.truth.item[known]
    events = train.interactions
    learnt = events.user * size + events.item
    if len(asked):
        order = np.argsort(asked, kind="stable")
        at = np.minimum(np.searchsorted(asked[order], learnt), len(asked) - 1)
        same = asked[order][at] == learnt
        since = np.minimum(test.now[row], test.truth.at)[known][order][at]
        leaks = int((same & ((train.clock == "none") | (events.at >= since))).sum())
        if leaks:
            raise LeakDetected(
                f"{leaks} training events of '{train.name}' are the very events the test asks for.",
                hint="Remove duplicate rows, or split with one of the named protocols.",
            )
    late = int((test.history.at >= test.now[test.history.row]).sum()) if train.clock != "none" else 0
    if late:
        raise LeakDetected(
            f"{late} history events happen at or after the request they belong to.",
            hint="Histories must end strictly before `now`.",
        )


def refuse_leaky_columns(columns: Mapping[str, Floats], label: Array, *, limit: float = TOO_GOOD) -> None:
    """Refuse columns that are the label in disguise.

    Args:
        columns: float[N] by name; NaN allowed.
        label: bool or 0/1 [N].
        limit: AUC, in either direction, from which a column is taken for the label.

    Raises:
        LeakDetected: names the columns.
    """
    found = [name for name, column in columns.items() if _separates(column, label, limit)]
    if found:
        raise LeakDetected(
            f"The label can be read off {', '.join(repr(name) for name in sorted(found))}.",
            hint="Build the column from events strictly before the row's time, without the row's own outcome.",
        )


def _separates(column: Floats, label: Array, limit: float) -> bool:
    value = np.asarray(column, np.float64)
    if value.ndim != 1:
        return False
    one_way, other_way = auc(label, value), auc(label, -value)
    return max(one_way, other_way) >= limit
