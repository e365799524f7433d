"""The part of the training data that settings are chosen on, so that what is asked in the end stays unseen.

Protocols that hold something back say so themselves (`tune_train`, `tune_test`). For the others the same question is
asked once more inside the training part: a later moment for `global-time`, a random share of each user's items where
there is no time to go by.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shortlist.core.errors import EmptyTraining
from shortlist.core.types import offsets_of
from shortlist.data.dataset import Dataset
from shortlist.data.splits.asking import checked, first_of_pair, targets_of
from shortlist.data.splits.base import Split
from shortlist.data.splits.global_time import global_time

SHARE = 0.2
"""Share of each user's distinct items that `random_cut` asks."""


def tuning_part(made: Split, *, seed: int = 0) -> Split:
    """What to fit on and what to ask while settings are chosen; knows nothing of `made.test`.

    Args:
        made: a split of any list protocol.
        seed: of the choice of items, where there is one.

    Returns:
        A split of `made.train`: a part of it to fit on, and requests whose answers lie in the rest.

    Raises:
        EmptyTraining: too little is left to hold anything back.
    """
    if made.tune_train is not None and made.tune_test is not None:
        options = {**made.options, "part": "validation"}
        return Split(made.protocol, options, made.data, made.tune_train, replace(made.tune_test))
    if made.protocol == "global-time":
        share = made.options["at"]
        return global_time(
            made.train,
            at=share if isinstance(share, float) and share < 1 else 0.9,
            repeats=made.options["repeats"],
            cold=made.options["cold"],
            seed=seed,
        )
    return random_cut(made.train, seed=seed)


def random_cut(data: Dataset, *, share: float = SHARE, seed: int = 0) -> Split:
    """A random share of each user's distinct items is asked, at least one of two; the rest is learnt from.

    For data without a meaningful order of events, such as published splits of sets.

    Args:
        data: what to divide.
        share: of each user's distinct items, between 0 and 1.
        seed: of the choice.

    Raises:
        EmptyTraining: no user has two items.
    """
    events = data.interactions
    order = events.user_order
    first = order[first_of_pair(events.user[order], events.item[order], data.n_items)]
    user = events.user[first]
    sizes = np.bincount(user, minlength=data.n_users)
    asked_of = np.where(sizes >= 2, np.maximum(1, np.round(share * sizes)), 0).astype(np.int64)
    if not asked_of.any():
        raise EmptyTraining(f"No user of '{data.name}' has two items, so none can be held back.")
    by_chance = np.lexsort((np.random.default_rng(seed).random(len(first)), user))
    rank = np.empty(len(first), np.int64)
    rank[by_chance] = np.arange(len(first)) - np.repeat(offsets_of(sizes)[:-1], sizes)
    asked = first[rank < asked_of[user]]
    pair = events.user * data.n_items + events.item
    train = data.select(~np.isin(pair, pair[asked]))
    users = np.flatnonzero(asked_of)
    now = np.full(len(users), np.nextafter(float(events.at.max()), np.inf))
    rows = asked[np.argsort(events.user[asked], kind="stable")]
    test = targets_of(data, users, now, train.histories(users), rows, offsets_of(asked_of[users]))
    return checked(Split("random-cut", {"share": share, "seed": seed}, data, train, test))
