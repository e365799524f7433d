"""How often items were used, as of a time: the measures of `state.FeatureState` under the names that sources use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from shortlist.core.errors import BadSpec
from shortlist.core.types import Floats, Ints
from shortlist.features.measures import Measure, Query
from shortlist.features.state import FeatureState

if TYPE_CHECKING:
    from shortlist.data.dataset import Dataset

EVENTS = Measure("item")
"""All interactions with an item."""


class ItemCounter:
    """One number per item as of a time."""

    def __init__(self, state: FeatureState, measure: Measure) -> None:
        state.need([measure])
        self._state, self._queries = state, (Query(measure),)

    def read(self, item: Ints, now: Floats) -> Floats:
        """float64[n]: events of item[j] strictly before now[j], decayed if so named; unknown items have none."""
        return self._state.read("item", item, now, self._queries)[:, 0]


class EventCounts(ItemCounter):
    """Counts item events strictly before a time and takes new ones.

    `counts["events"]` is the plain counter and `counts["decayed:86400"]` one with a half-life of a day. An append is
    seen by every counter, late ones too, and leaves the same state as if it had come in order.
    """

    def __init__(self, state: FeatureState) -> None:
        super().__init__(state, EVENTS)
        self._decayed: dict[float, ItemCounter] = {}

    @classmethod
    def from_dataset(cls, data: Dataset) -> Self:
        """All interactions of a dataset."""
        return cls(FeatureState.from_dataset(data))

    def __getitem__(self, name: str) -> ItemCounter:
        """The counter called `events` or `decayed:<half-life in seconds>`.

        Raises:
            BadSpec: another name.
        """
        if name == "events":
            return self
        kind, _, half_life = name.partition(":")
        try:
            if kind == "decayed" and float(half_life) > 0:
                return self.decayed(float(half_life))
        except ValueError:
            pass
        raise BadSpec(f"There is no counter named '{name}'.", hint="Use 'events' or 'decayed:<seconds>'.")

    def decayed(self, half_life_s: float) -> ItemCounter:
        """The counter whose events lose half their weight every `half_life_s` seconds; computed on first use."""
        if half_life_s not in self._decayed:
            fading = Measure("item", op="decay", half_life_s=half_life_s)
            self._decayed[half_life_s] = ItemCounter(self._state, fading)
        return self._decayed[half_life_s]

    def append(self, item: int, at: float) -> None:
        """Count one more event; items beyond the base are welcome, negative ids are ignored."""
        if item >= 0:
            self._state.fold([(float(at), -1, int(item), "interaction", 1.0, -1)])
