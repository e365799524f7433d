"""Leave-last-out: the last event of each user is asked, the one before it is for validation.

The usual protocol for sequences, and the only one for data without a clock. Users are cut at different moments, so what
a model learns from one user may lie after what it is asked about another; `global-time` avoids that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.core.types import History, Ints, offsets_of
from shortlist.data.dataset import Dataset
from shortlist.data.splits.asking import checked, may_be_asked, targets_of
from shortlist.data.splits.base import Split, Targets


def leave_last_out(data: Dataset, *, strict: bool = False, min_item_events: int = 0, seed: int = 0) -> Split:
    """The last event of each user is asked; the one before it is for validation.

    Events of a user are in (time, file order). Models fit on all but the last event; with `strict`, on all but the last
    two. The history at test time holds the validation event either way. Users with fewer than two events (`strict`:
    three) stay in the training part and are not asked, nor are users whose last event has no time of its own.

    Args:
        data: what to divide.
        strict: whether the validation event is kept from the fit.
        min_item_events: drop the events of items with fewer events first; the catalogue stays whole.
        seed: recorded; nothing here is random.
    """
    if min_item_events > 1:
        counts = np.bincount(data.interactions.item, minlength=data.n_items)
        kept = data.select(counts[data.interactions.item] >= min_item_events)
    else:
        kept = data
    events = kept.interactions
    order = events.user_order
    counts = np.bincount(events.user, minlength=kept.n_users)
    ends = offsets_of(counts)[1:]
    asked = np.flatnonzero(counts >= (3 if strict else 2))
    asked = asked[may_be_asked(events)[order[ends[asked] - 1]]]
    last, before = order[ends[asked] - 1], order[ends[asked] - 2]
    third = counts[asked] >= 3
    tuned = asked[third]

    main = _leave_out(kept, asked, last, order, ends - 1, hidden=before[third] if strict else None)
    options = {"strict": strict, "min_item_events": min_item_events, "seed": seed}
    if len(tuned):
        tuning = _leave_out(kept, tuned, before[third], order, ends - 2, hidden=last)
        valid, tune_train, tune_test = kept.select(before[third]), tuning.train, tuning.test
    else:
        valid, tune_train, tune_test = None, None, None
    return checked(
        Split("leave-last-out", options, kept, main.train, main.test, valid, tune_train, tune_test, main.notes)
    )


@dataclass(frozen=True)
class _Part:
    train: Dataset
    test: Targets
    notes: dict[str, int]


def _leave_out(data: Dataset, users: Ints, asked: Ints, order: Ints, stops: Ints, hidden: Ints | None) -> _Part:
    """Ask one event per user: `asked` (row numbers), at position `stops[user]` of `order`; `hidden` rows go too."""
    events = data.interactions
    starts = offsets_of(np.bincount(events.user, minlength=data.n_users))[:-1]
    keep = np.ones(len(events), bool)
    keep[asked] = False
    if hidden is not None:
        keep[hidden] = False
    # The same event recorded twice would otherwise be learnt from in one copy and asked for in the other.
    copies = _copies(data, users, asked)
    keep[copies] = False

    lengths = stops[users] - starts[users]
    offsets = offsets_of(lengths)
    rows = order[np.repeat(starts[users] - offsets[:-1], lengths) + np.arange(offsets[-1])]
    owner = np.repeat(np.arange(len(users)), lengths)
    clean = ~np.isin(rows, copies)
    rows, owner = rows[clean], owner[clean]
    history = History(events.item[rows], events.at[rows], offsets_of(np.bincount(owner, minlength=len(users))))
    # An event of the same second as the one before it is asked the smallest step later, so that a reader that looks
    # strictly before `now` finds the whole history.
    now = events.at[asked].copy()
    np.maximum.at(now, owner, np.nextafter(events.at[rows], np.inf))

    shown = data.impressions
    keep_shown = None
    if shown is not None:
        limit = np.full(data.n_users, np.inf)
        limit[users] = events.at[asked]
        if hidden is not None:
            np.minimum.at(limit, events.user[hidden], events.at[hidden])
        keep_shown = shown.at < limit[shown.user]
    test = targets_of(data, users, now, history, asked, np.arange(len(users) + 1))
    seen = np.isin(_pair(users[owner], events.item[rows], data), _pair(users, events.item[asked], data))
    repeating = len(np.unique(owner[seen])) if len(owner) else 0
    notes = {"targets_repeating": repeating, "copies_dropped": len(copies)}
    return _Part(data.select(keep, impressions=keep_shown), test, notes)


def _pair(user: Ints, item: Ints, data: Dataset) -> Ints:
    return user * np.int64(max(data.n_items, 1)) + item


def _copies(data: Dataset, users: Ints, asked: Ints) -> Ints:
    """Row numbers of further copies (same user, item, time) of the events asked for."""
    events = data.interactions
    goal_item = np.full(data.n_users, -1, np.int64)
    goal_at = np.zeros(data.n_users)
    goal_item[users], goal_at[users] = events.item[asked], events.at[asked]
    same = (events.item == goal_item[events.user]) & (events.at == goal_at[events.user])
    same[asked] = False
    return np.flatnonzero(same)
