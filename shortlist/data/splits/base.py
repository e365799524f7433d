"""What a protocol gives back: data divided, what is asked of it, and words for the report.

A number without its protocol means nothing, so everything here carries the protocol's id and its options. `split` finds
a protocol by name in the registry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shortlist.core import registry
from shortlist.core.types import Array, Floats, History, Ints, Requests
from shortlist.data.dataset import Dataset
from shortlist.data.options import refuse_unknown


@dataclass(frozen=True, eq=False)
class Targets:
    """What is asked at test time, one row per request.

    Attributes:
        user: int64[B].
        now: float64[B], UTC seconds (or order); nothing at or after it may be read.
        history: what the user did before, none of it asked. Take it from here: a read of the whole log strictly before
            `now` may meet the very event asked for, since one of the same second as its predecessor is asked a moment
            later than it happened, and the protocol strong-gen asks after all of a user's events.
        truth: the items to be found, with their times, ragged over the B requests.
        value: float32[T], rating or weight of each true item.
        rows: int64[T], interaction number of each true item in the split's data.
        split: the split this belongs to.
    """

    user: Ints
    now: Floats
    history: History
    truth: History
    value: Floats
    rows: Ints
    split: Split = field(init=False, repr=False)

    def __len__(self) -> int:
        return len(self.user)

    @property
    def protocol(self) -> str:
        """Id of the protocol."""
        return self.split.protocol

    @property
    def options(self) -> Mapping[str, Any]:
        """Options of the protocol."""
        return self.split.options

    def requests(self, k: int = 10, *, seed: int = 0, surface: str = "home") -> Requests:
        """The test requests with their histories."""
        return Requests.of(self.user, now=self.now, k=k, seed=seed, history=self.history, surface=surface)

    def take(self, chosen: Ints) -> Targets:
        """The requests of these row numbers, ascending and each once; they belong to no split yet."""
        kept = np.zeros(len(self), bool)
        kept[chosen] = True
        events = np.repeat(kept, self.truth.lengths)
        return Targets(
            self.user[chosen],
            self.now[chosen],
            self.history.take(chosen),
            self.truth.take(chosen),
            self.value[events],
            self.rows[events],
        )


@dataclass(frozen=True, eq=False)
class Division:
    """What all protocols have in common.

    Attributes:
        protocol: id of the protocol.
        options: its options with their values, seed included.
        data: what was divided.
    """

    protocol: str
    options: Mapping[str, Any]
    data: Dataset

    def describe(self) -> dict[str, Any]:
        """What a report must say about it, as JSON."""
        return {
            "protocol": self.protocol,
            "options": dict(self.options),
            "data": self.data.name,
            "fingerprint": self.data.fingerprint,
        }


@dataclass(frozen=True, eq=False)
class Split(Division):
    """Data divided by a protocol; unpacks as `train, test`.

    Attributes:
        train: what models fit on.
        test: what they are asked.
        valid: the events held back for tuning, or None if the protocol has none.
        tune_train: what a model that tunes or stops early fits on meanwhile, or None.
        tune_test: what it is asked meanwhile, or None.
        notes: counts worth printing.
    """

    train: Dataset
    test: Targets
    valid: Dataset | None = None
    tune_train: Dataset | None = None
    tune_test: Targets | None = None
    notes: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for targets in (self.test, self.tune_test):
            if targets is not None:
                object.__setattr__(targets, "split", self)

    def __iter__(self) -> Iterator[Any]:
        yield self.train
        yield self.test

    @property
    def fit_on(self) -> Dataset:
        """What models fit on: `train` by another name."""
        return self.train

    def describe(self) -> dict[str, Any]:
        """What a report must say about it, as JSON."""
        return {
            **super().describe(),
            "train_events": self.train.n_events,
            "test_requests": len(self.test),
            "test_events": len(self.test.truth.item),
            **self.notes,
        }


@dataclass(frozen=True, eq=False)
class RowSplit(Division):
    """Single rows with a yes-or-no label, divided into three.

    Attributes:
        table: "interactions" or "impressions" (rows are shown items), which the row numbers refer to.
        user: int64[R]; `item` int64[R], `at` float64[R], `label` bool[R]: all rows of that table.
        item: see above.
        at: see above.
        label: see above.
        train_rows: int64, 80 %.
        valid_rows: int64, 10 %.
        test_rows: int64, 10 %.
    """

    table: str
    user: Ints
    item: Ints
    at: Floats
    label: Array
    train_rows: Ints
    valid_rows: Ints
    test_rows: Ints

    def describe(self) -> dict[str, Any]:
        """What a report must say about it, as JSON."""
        return {
            **super().describe(),
            "rows": [len(self.train_rows), len(self.valid_rows), len(self.test_rows)],
            "positive": float(self.label.mean()) if len(self.label) else 0.0,
        }


def split(data: Dataset, protocol: str = "leave-last-out", **options: Any) -> Any:
    """Divide data by a named protocol.

    Args:
        data: what to divide.
        protocol: "leave-last-out", "global-time", "strong-gen", "item-cold", "published", "ctr-random-811" or
            "ctr-time-811".
        options: of the protocol; see the function of that name.

    Returns:
        `Split` (unpacks as `train, test`), or `RowSplit` for the `ctr-` protocols.

    Raises:
        UnknownName: no such protocol; suggests the nearest.
        BadConfig: an option is unknown or impossible for this data.
        EmptyTraining: nothing is left to learn from, or nothing to ask.
    """
    divide = registry.load(protocol, "protocol")
    refuse_unknown(divide, options, f"protocol '{protocol}'")
    return divide(data, **options)
