"""Events in the form in which they are folded: one row per interaction and per item shown.

Offline they come from a dataset, online from the four kinds of events; behind this table nothing knows the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from shortlist.core.types import Array, Floats, Ints

if TYPE_CHECKING:
    from shortlist.data.dataset import Dataset

SHOWN = "impression"
"""Type of a fact that says that an item was shown, not what was done with it."""

Fact = tuple[float, int, int, str, float, int]
"""One row of `Facts`: time, user, item, name of the type, value, position."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A table of n facts in any order.

    Attributes:
        at: float64[n], UTC seconds.
        user: int64[n], -1 unknown.
        item: int64[n], -1 unknown.
        type: int64[n], index into `types`.
        value: float64[n], stars, seconds or weight; 1 where the event has none.
        position: int64[n], place of an item shown, from 0; -1 otherwise.
        types: names of the types; `SHOWN` for items shown.
    """

    at: Floats
    user: Ints
    item: Ints
    type: Ints
    value: Floats
    position: Ints
    types: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.at)

    @classmethod
    def of_rows(cls, rows: Sequence[Fact]) -> Self:
        """From single facts."""
        at, user, item, type_, value, position = zip(*rows, strict=True) if rows else ((),) * 6
        return cls.of(list(at), list(user), list(item), list(type_), list(value), list(position))

    @classmethod
    def of(
        cls,
        at: list[float],
        user: list[int],
        item: list[int],
        type: list[str],
        value: list[float] | None = None,
        position: list[int] | None = None,
    ) -> Self:
        """From plain lists."""
        names = tuple(dict.fromkeys(type))
        place = {name: code for code, name in enumerate(names)}
        return cls(
            np.array(at, np.float64),
            np.array(user, np.int64),
            np.array(item, np.int64),
            np.array([place[name] for name in type], np.int64),
            np.ones(len(at)) if value is None else np.array(value, np.float64),
            np.full(len(at), -1, np.int64) if position is None else np.array(position, np.int64),
            names,
        )

    @classmethod
    def from_dataset(cls, data: Dataset) -> Self:
        """Every interaction, and every item of every impression with its place."""
        events, shown = data.interactions, data.impressions
        done = (events.at, events.user, events.item, events.type.astype(np.int64))
        value, none = events.value.astype(np.float64), np.full(len(events), -1, np.int64)
        if shown is None or not len(shown):
            return cls(*done, value, none, tuple(events.types))
        row = shown.row
        place = np.arange(len(shown.item), dtype=np.int64) - shown.offsets[row]
        seen = (shown.at[row], shown.user[row], shown.item, np.full(len(row), len(events.types), np.int64))
        columns: list[Array] = [np.concatenate(pair) for pair in zip(done, seen, strict=True)]
        at, user, item, type_ = columns
        value, place = np.concatenate([value, np.ones(len(row))]), np.concatenate([none, place])
        return cls(at, user, item, type_, value, place, (*events.types, SHOWN))

    def take(self, rows: Array) -> Facts:
        """Facts chosen by mask or row numbers."""
        picked = (self.at[rows], self.user[rows], self.item[rows], self.type[rows], self.value[rows])
        return Facts(*picked, self.position[rows], self.types)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All parts, one after the other; at least one."""
        if len(parts) == 1:
            return parts[0]
        types = tuple(dict.fromkeys(name for part in parts for name in part.types))
        codes = [np.array([types.index(name) for name in part.types], np.int64)[part.type] for part in parts]
        return cls(
            np.concatenate([part.at for part in parts]),
            np.concatenate([part.user for part in parts]),
            np.concatenate([part.item for part in parts]),
            np.concatenate(codes),
            np.concatenate([part.value for part in parts]),
            np.concatenate([part.position for part in parts]),
            types,
        )
