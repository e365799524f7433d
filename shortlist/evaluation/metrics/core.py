"""What the ranking metrics share: the relevant items of each user, and where a slate hits them.

The match of slates with truth is the only expensive step, so it is done once (`match_slates`) and handed to every
metric by the evaluator; called alone, a metric computes it. Cost: one binary search per shown item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from shortlist.core.errors import BadConfig
from shortlist.core.types import Array, Floats, Ints, offsets_of


@dataclass(frozen=True, slots=True)
class Truth:
    """The relevant items of B users, as one ragged table.

    Attributes:
        item: int64[T], sorted within a user, none twice; -1 is an item the catalogue lacks, which nobody can hit.
        offsets: int64[B+1]; user b owns rows offsets[b]:offsets[b+1].
        value: float64[T], grade of each (1 where the source has none); 0 or less means judged and not relevant.
    """

    item: Ints
    offsets: Ints
    value: Floats

    @classmethod
    def build(cls, item: Ints, offsets: Ints, value: Floats | None = None) -> Self:
        """From ragged arrays in any order; repeated items of a user are merged, the highest grade stays."""
        n = len(offsets) - 1
        row = np.repeat(np.arange(n), np.diff(offsets))
        grade = np.ones(len(item)) if value is None else np.asarray(value, np.float64)
        order = np.lexsort((-grade, item, row))
        row, item, grade = row[order], np.asarray(item, np.int64)[order], grade[order]
        first = np.ones(len(item), bool)
        first[1:] = (row[1:] != row[:-1]) | (item[1:] != item[:-1])
        return cls(item[first], offsets_of(np.bincount(row[first], minlength=n)), grade[first])

    @classmethod
    def of(cls, relevant: Sequence[int | Sequence[int] | Mapping[int, float]]) -> Self:
        """From plain values, one entry per user: an item, several items, or items with grades."""
        rows = [_graded(entry) for entry in relevant]
        item = np.array([i for r in rows for i in r], np.int64)
        value = np.array([v for r in rows for v in r.values()], np.float64)
        return cls.build(item, offsets_of(np.array([len(r) for r in rows], np.int64)), value)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def row(self) -> Ints:
        """int64[T], the user of each relevant item."""
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.offsets))

    @property
    def relevant(self) -> Array:
        """bool[T], which judged items count as relevant."""
        return self.value > 0

    @property
    def count(self) -> Ints:
        """int64[B], relevant items per user."""
        return np.bincount(self.row[self.relevant], minlength=len(self)).astype(np.int64)

    def take(self, rows: Ints) -> Truth:
        """The truth of the given users, in that order."""
        lengths = np.diff(self.offsets)[rows]
        offsets = offsets_of(lengths)
        index = np.repeat(self.offsets[:-1][rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Truth(self.item[index], offsets, self.value[index])


def _graded(entry: int | Sequence[int] | Mapping[int, float]) -> Mapping[int, float]:
    if isinstance(entry, Mapping):
        return entry
    return dict.fromkeys([entry] if isinstance(entry, int) else entry, 1.0)


def match_slates(slates: Ints, truth: Truth) -> Floats:
    """Where the slates hit the truth.

    Args:
        slates: int64[B, K], best first, -1 pads.
        truth: relevant items of the same B users.

    Returns:
        float64[B, K], grade of the item shown at each position, 0 where it is not relevant. An item shown twice counts
        at its first place only.

    Raises:
        BadConfig: the number of users differs.
    """
    if len(slates) != len(truth):
        raise BadConfig(
            f"{len(slates)} slates cannot be compared with the truth of {len(truth)} users.",
            hint="Ask for one slate per test request, empty ones included.",
        )
    out = np.zeros(slates.shape)
    if slates.size == 0 or len(truth.item) == 0:
        return out
    # One number per (user, item); the shift by one keeps unknown items (-1) apart from the user before.
    width = int(max(slates.max(), truth.item.max())) + 2
    known = truth.row * width + truth.item + 1
    row = np.arange(len(slates), dtype=np.int64)[:, None]
    asked = (row * width + slates + 1)[slates >= 0]
    at = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    out[slates >= 0] = np.where(known[at] == asked, np.maximum(truth.value[at], 0.0), 0.0)
    hit_row, hit_at = np.nonzero(out)
    key = hit_row * width + slates[hit_row, hit_at]
    first = np.zeros(len(key), bool)
    first[np.unique(key, return_index=True)[1]] = True
    out[hit_row[~first], hit_at[~first]] = 0.0
    return out


def grades_at(slates: Ints, truth: Truth, k: int, grades: Floats | None) -> Floats:
    """float64[B, k], the match cut to the first `k` positions; shorter slates are padded with misses.

    Raises:
        BadConfig: `k` below 1.
    """
    if k < 1:
        raise BadConfig(f"A list of {k} items cannot be measured.", hint="Use k >= 1.", field="k")
    full = match_slates(slates, truth) if grades is None else grades
    if full.shape[1] >= k:
        return full[:, :k]
    return np.pad(full, ((0, 0), (0, k - full.shape[1])))


def nan_where_empty(value: Any, truth: Truth) -> Floats:
    """The value, NaN for users without anything relevant: nothing can be said about them."""
    return np.where(truth.count > 0, np.asarray(value, np.float64), np.nan)
