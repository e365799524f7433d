"""What models that learn from single events share: arrays that grow, and answers from one moment.

An update builds new arrays and puts them in place in one step (`replace`), so a reader that took a `still` copy first
works on one moment's arrays whatever happens meanwhile. `copy.copy` of such a model is independent: no array is changed
in place.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from shortlist.core.types import Array

if TYPE_CHECKING:
    from shortlist.data.dataset import Interactions

Kind = TypeVar("Kind")


def still(model: Kind) -> Kind:
    """A copy that shares the model's arrays and that later updates leave alone."""
    return copy.copy(model)


def replace(model: Any, **attributes: Any) -> None:
    """Set attributes in one step, as far as readers can tell."""
    model.__dict__.update(attributes)


def known_only(events: Interactions) -> Interactions:
    """The events with a user and an item; -1 is unknown and teaches nothing."""
    good = (events.user >= 0) & (events.item >= 0)
    return events if good.all() else events.take(good)


def vocabulary(model: Any, events: Interactions) -> dict[str, int]:
    """`n_users_` and `n_items_` once these events are known too."""
    return {
        "n_users_": max(model.n_users_, int(events.user.max(initial=-1)) + 1),
        "n_items_": max(model.n_items_, int(events.item.max(initial=-1)) + 1),
    }


def grown(array: Array, n: int, fill: Any = 0) -> Array:
    """A copy of length n at least, filled up."""
    out = np.full(max(n, len(array)), fill, array.dtype)
    out[: len(array)] = array
    return out
