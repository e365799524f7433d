"""Item-cold: some items lose all their events, and who had them is asked for them by everything else they had."""

from __future__ import annotations

import numpy as np

from shortlist.core.errors import BadConfig, EmptyTraining
from shortlist.core.types import Ints, offsets_of
from shortlist.data.dataset import Dataset
from shortlist.data.splits.asking import checked, first_of_pair, targets_of
from shortlist.data.splits.base import Split, Targets


def item_cold(data: Dataset, *, share: float = 0.1, min_events: int = 5, seed: int = 0) -> Split:
    """Some items lose all their events: models know them by text and columns alone.

    Their users are asked for them, with what they did with all other items, whenever that was, as history. Judge with
    `candidates` set to the cold items to rank them among each other: among all items, known ones stand in front. A
    second group of items, taken from what is left, serves tuning.

    Args:
        data: what to divide; the item table stays whole.
        share: of the items in each of the two groups.
        min_events: items with fewer events are never taken.
        seed: of the choice of items.
    """
    if not 0 < share < 0.5:
        raise BadConfig("The share must lie between 0 and one half.", field="share")
    events = data.interactions
    counts = np.bincount(events.item, minlength=data.n_items)
    eligible = np.random.default_rng(seed).permutation(np.flatnonzero(counts >= max(1, min_events)))
    n = int(share * len(eligible))
    if n < 1 or len(eligible) < 2 * n + 1:
        raise EmptyTraining(f"'{data.name}' has too few items with {min_events} events to take some out.")
    train, test = _without(data, data, eligible[:n])
    tune_train, tune_test = _without(data, train, eligible[n : 2 * n])
    options = {"share": share, "min_events": min_events, "seed": seed}
    valid = data.select(tune_test.rows)
    return checked(Split("item-cold", options, data, train, test, valid, tune_train, tune_test))


def _without(data: Dataset, known: Dataset, items: Ints) -> tuple[Dataset, Targets]:
    """`known` without the items, and one request per user who had any of them; rows are those of `data`."""
    cold = np.zeros(data.n_items, bool)
    cold[items] = True
    train = known.select(~cold[known.interactions.item])
    events = data.interactions
    rows = events.user_order
    rows = rows[cold[events.item[rows]]]
    rows = rows[first_of_pair(events.user[rows], events.item[rows], data.n_items)]
    has = np.bincount(train.interactions.user, minlength=data.n_users) > 0
    rows = rows[has[events.user[rows]]]
    users, lengths = np.unique(events.user[rows], return_counts=True)
    now = np.full(len(users), np.nextafter(float(events.at.max(initial=0.0)), np.inf))
    return train, targets_of(data, users, now, train.histories(users), rows, offsets_of(lengths))
