"""What models that learn from single events share: arrays that grow, and answers from one moment.

Where arrays are short, an update builds new ones and puts them in place in one step (`replace`), so a reader with a
`still` copy works on the arrays of one moment whatever happens meanwhile. Where they are long, the state takes a form
that grows (`Living`), and readers and the one writer take turns. Either way `copy.copy` of a model is independent.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from shortlist.core.errors import BadRow
from shortlist.core.types import Array

if TYPE_CHECKING:
    from shortlist.data.dataset import Interactions

Kind = TypeVar("Kind")


def settled(name: str) -> Any:
    """An attribute of a `Living` model's state, brought up to date when it is read."""

    def read(self: Living) -> Any:
        try:
            return self.at_rest()[name]
        except KeyError:
            raise AttributeError(name) from None

    def write(self: Living, value: Any) -> None:
        self._live = None
        self._rest = {**self._rest, name: value}

    return property(read, write)


class Living:
    """A model whose state is frozen arrays after its fit, and from the first update on a form that takes single events.

    The arrays are named by `settled`. The growing form, any object with a `lock`, stands in `_live`; whoever changes it
    holds its lock and empties `_rest`, and whoever needs arrays has them written down again (`written`).
    """

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self._rest: dict[str, Any] = {}
        self._live: Any = None

    def __copy__(self) -> Self:
        """Independent of the original: what is updated later is not shared."""
        self.at_rest()
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        new._live = None
        return new

    def learned(self) -> dict[str, Any]:
        """Everything that was learned, by attribute name."""
        own: dict[str, Any] = super().learned()  # type: ignore[misc]
        return {**own, **self.at_rest()}

    def at_rest(self) -> dict[str, Any]:
        """The state as frozen arrays."""
        rest, live = self._rest, self._live
        if not rest and live is not None:
            with live.lock:
                rest = self._rest = self.written(live)
        return rest

    def written(self, live: Any) -> dict[str, Any]:
        """The arrays of the growing form, none of which it changes later; the caller holds its lock."""
        raise NotImplementedError

    def held(self) -> tuple[dict[str, Any], Any]:
        """What to answer from: the arrays where they are up to date, and the growing form or None."""
        while True:
            # In this order: whoever empties the one has filled the other before, or will at once.
            rest, live = self._rest, self._live
            if rest or live is not None:
                return rest, live


def still(model: Kind) -> Kind:
    """A copy that shares the model's arrays and that later updates leave alone."""
    return copy.copy(model)


def replace(model: Any, **attributes: Any) -> None:
    """Set attributes in one step, as far as readers can tell."""
    model.__dict__.update(attributes)


def known_only(events: Interactions) -> Interactions:
    """The events with a user and an item; -1 is unknown and teaches nothing.

    Raises:
        BadRow: one of them has a time or a value that is not finite; it would stay in what is counted for good.
    """
    good = (events.user >= 0) & (events.item >= 0)
    known = events if good.all() else events.take(good)
    for name in ("at", "value"):
        if not np.isfinite(getattr(known, name)).all():
            raise BadRow(f"An event's {name} is not a finite number.", hint="Leave such events out.", field=name)
    return known


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
