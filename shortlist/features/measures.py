"""What a fold keeps of an owner's events: running numbers, each over some types of events.

A measure says whose state it belongs to (item, user, all), which events count, how much each weighs, and how they add
up: as a sum, as a sum that fades by half-life, or as the time of the latest one. Features declare the measures that
they read; two features that read the same measure share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from shortlist.core.types import Array, Floats, Ints
from shortlist.features.facts import SHOWN, Facts
from shortlist.features.windows import ALL, Window

Owner = Literal["item", "user", "all"]
OWNERS: tuple[Owner, ...] = ("item", "user", "all")
Op = Literal["sum", "decay", "latest"]
LOOKS = 65_536.0
"""Parts of one look in which the weights of places are counted."""
OPS: dict[str, int] = {"sum": 0, "decay": 1, "latest": 2}


@dataclass(frozen=True, slots=True)
class Measure:
    """One running number per entity.

    Attributes:
        owner: whose it is.
        events: types that count; none means every interaction. "impression" stands for an item shown.
        op: how events add up.
        value: whether an event weighs its value instead of one.
        eta: an item shown at position p weighs (p + 1)^-eta, its chance to be looked at; 0 weighs one.
        half_life_s: of "decay"; 0 otherwise.
    """

    owner: Owner
    events: tuple[str, ...] = ()
    op: Op = "sum"
    value: bool = False
    eta: float = 0.0
    half_life_s: float = 0.0

    @property
    def parts(self) -> float:
        """Parts of one in which sums are whole numbers; 0 where they are any numbers."""
        return 0.0 if self.value or self.op != "sum" else LOOKS if self.eta else 1.0

    def weights(self, facts: Facts) -> Floats:
        """float64[n], what each fact adds; 0 where it does not count."""
        is_shown = np.array([name == SHOWN for name in facts.types], bool)
        counts = ~is_shown if not self.events else np.array([name in self.events for name in facts.types], bool)
        out: Floats = counts[facts.type].astype(np.float64)
        if self.value:
            out *= facts.value
        if self.eta:
            place = np.where(facts.position >= 0, np.maximum(facts.position + 1.0, 1.0), 1.0)
            # In whole 65536ths, so that sums are exact in any order and take four bytes in a store.
            out *= np.rint(place**-self.eta * LOOKS) / LOOKS
        return out


@dataclass(frozen=True, slots=True)
class Query:
    """One number read from a measure: its window's sum, its faded sum, or the time of its latest event."""

    measure: Measure
    window: Window = ALL
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        # Queries are looked up several times per request; hashing all their parts each time is what would cost.
        object.__setattr__(self, "_hash", hash((self.measure, self.window)))

    def __hash__(self) -> int:
        return self._hash


def keys_of(owner: Owner, facts: Facts) -> Ints:
    """int64[n], the entity of each fact; negative where it has none."""
    if owner == "all":
        return np.zeros(len(facts), np.int64)
    return facts.item if owner == "item" else facts.user


def codes(measures: Sequence[Measure]) -> tuple[Array, Floats]:
    """(op int64[K], half-life float64[K]) as the kernels read them."""
    op = np.array([OPS[one.op] for one in measures], np.int64)
    return op, np.array([one.half_life_s or 1.0 for one in measures], np.float64)


def deltas(measures: Sequence[Measure], facts: Facts) -> Floats:
    """float64[n, K], what each fact adds to each measure."""
    out = np.empty((len(facts), len(measures)), np.float64)
    for k, measure in enumerate(measures):
        out[:, k] = measure.weights(facts)
    return out
