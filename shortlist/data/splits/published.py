"""The split that the data came with, so that published figures can be compared."""

from __future__ import annotations

import numpy as np

from shortlist.core.errors import BadConfig
from shortlist.core.types import offsets_of
from shortlist.data.dataset import Dataset
from shortlist.data.splits.asking import checked, targets_of
from shortlist.data.splits.base import Split


def published(data: Dataset, *, seed: int = 0) -> Split:
    """The split the data came with: interactions of type "train" are learnt from, of type "test" are asked.

    Args:
        data: with exactly these two interaction types.
        seed: recorded; nothing here is random.
    """
    types = data.interactions.types
    if not {"train", "test"} <= set(types):
        raise BadConfig(f"'{data.name}' came without a split of its own.", hint="Use leave-last-out or global-time.")
    events = data.interactions
    train = data.select(events.type == types.index("train"))
    order = events.user_order
    rows = order[events.type[order] == types.index("test")]
    users, lengths = np.unique(events.user[rows], return_counts=True)
    now = np.full(len(users), float(np.nextafter(train.interactions.at.max(initial=0.0), np.inf)))
    test = targets_of(data, users, now, train.histories(users), rows, offsets_of(lengths))
    return checked(Split("published", {"seed": seed}, data, train, test))
