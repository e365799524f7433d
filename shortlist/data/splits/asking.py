"""What the protocols share: which events may be asked, the requests made of them, and the check that none is learnt.

An event that is asked for and also learnt from makes every figure worthless, so each protocol ends with `checked`.
"""

from __future__ import annotations

import numpy as np

from shortlist.core.errors import EmptyTraining, LeakDetected
from shortlist.core.types import Array, Floats, History, Ints
from shortlist.data.dataset import Dataset, Interactions
from shortlist.data.splits.base import Split, Targets

# MIND's reading lists have no times of their own; an event of this type is never asked for.
NOT_ASKED = frozenset({"history"})


def may_be_asked(events: Interactions) -> Array:
    """bool[T], False for events whose times are invented."""
    allowed = np.array([name not in NOT_ASKED for name in events.types], bool)
    return allowed[events.type]


def targets_of(data: Dataset, users: Ints, now: Floats, history: History, rows: Ints, offsets: Ints) -> Targets:
    """One request per user, asked for the interactions `rows`, ragged by `offsets`."""
    events = data.interactions
    truth = History(events.item[rows], events.at[rows], offsets)
    return Targets(users, now, history, truth, events.value[rows], rows)


def first_of_pair(user: Ints, item: Ints, n_items: int) -> Array:
    """bool[n], the first row of each (user, item)."""
    _, first = np.unique(user * np.int64(max(n_items, 1)) + item, return_index=True)
    out = np.zeros(len(user), bool)
    out[first] = True
    return out


def refuse_leak(train: Dataset, targets: Targets) -> None:
    """Raises: LeakDetected if an event that is asked for (user, item, time) is among those learnt from."""
    size = np.int64(max(train.n_items, 1))
    rows = targets.split.data.interactions
    asked = rows.user[targets.rows] * size + rows.item[targets.rows]
    learnt = train.interactions.user * size + train.interactions.item
    candidates = np.flatnonzero(np.isin(learnt, asked))
    if len(candidates) == 0:
        return
    known = set(zip(asked.tolist(), rows.at[targets.rows].tolist(), strict=True))
    found = zip(learnt[candidates].tolist(), train.interactions.at[candidates].tolist(), strict=True)
    leaks = sum(pair in known for pair in found)
    if leaks:
        raise LeakDetected(f"{leaks} events that are asked for are also learnt from.", hint="Remove duplicate rows.")


def checked(made: Split) -> Split:
    """The split itself. Raises: EmptyTraining if nothing is asked or learnt, LeakDetected if both at once."""
    if len(made.test) == 0:
        raise EmptyTraining(
            f"Protocol '{made.protocol}' leaves nothing to ask of '{made.data.name}'.",
            hint="The data is too small, or every user has too few events.",
        )
    if made.train.n_events == 0:
        raise EmptyTraining(f"Protocol '{made.protocol}' leaves nothing to learn from in '{made.data.name}'.")
    refuse_leak(made.train, made.test)
    if made.tune_train is not None and made.tune_test is not None:
        refuse_leak(made.tune_train, made.tune_test)
    return made
