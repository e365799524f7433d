"""Labelled rows in memory, and how they are divided into rows that teach, stop and judge.

Codes of words number the words of the whole table, so that a code means one word everywhere; which codes a model knows
is settled by the rows that teach it. Cost: 8 bytes per cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from shortlist.core.errors import BadConfig, EmptyTraining, nearest_hint
from shortlist.core.types import Array, Floats, Ints
from shortlist.data.splits.ctr_rows import cut_811

PROTOCOLS = ("ctr-random-811", "ctr-time-811", "published")


class Part(NamedTuple):
    """Row numbers of a division."""

    train: Ints
    valid: Ints
    test: Ints


@dataclass(frozen=True, repr=False)
class LabelledRows:
    """N rows.

    Attributes:
        name: what people call the set.
        columns: name to float64[N]: codes (whole numbers from 0) or quantities; NaN is missing.
        id_columns: which of them hold codes.
        labels: name to bool[N], the first one is the one usually asked for.
        words: of each column of codes, its words in the order of their codes.
        missing: name to the number of missing cells, columns without any left out.
        at: float64[N], UTC seconds, or None where the source has no time.
        part: int64[N], 0 train, 1 valid, 2 test as published, or None where the source does not divide.
    """

    name: str
    columns: Mapping[str, Floats]
    id_columns: tuple[str, ...]
    labels: Mapping[str, Array]
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    at: Floats | None = None
    part: Ints | None = None

    def __len__(self) -> int:
        return len(next(iter(self.labels.values())))

    def __repr__(self) -> str:
        return f"LabelledRows({self.name}: {len(self):,} rows, {len(self.columns)} columns, {', '.join(self.labels)})"

    def label(self, name: str | None = None) -> Array:
        """bool[N] of one label, by default the first.

        Raises:
            BadConfig: no such label.
        """
        if name is not None and name not in self.labels:
            raise BadConfig(
                f"'{self.name}' has no label '{name}'.", hint=nearest_hint(name, list(self.labels)), field="label"
            )
        return self.labels[name or next(iter(self.labels))]

    def take(self, rows: Array) -> LabelledRows:
        """Rows chosen by mask or number; words and counts of missing cells stay those of the whole table."""
        return replace(
            self,
            columns={name: values[rows] for name, values in self.columns.items()},
            labels={name: values[rows] for name, values in self.labels.items()},
            at=None if self.at is None else self.at[rows],
            part=None if self.part is None else self.part[rows],
        )

    def split(self, protocol: str = "ctr-random-811", *, seed: int = 0) -> Part:
        """Row numbers that teach, that decide when to stop, and that judge.

        Args:
            protocol: ctr-random-811, ctr-time-811, or published; where the publisher has no rows to stop by, the last
                tenth of those that teach.
            seed: of the shuffle.

        Raises:
            BadConfig: no such protocol, or the set has no times or no published parts.
            EmptyTraining: too few rows for three parts.
        """
        if protocol not in PROTOCOLS:
            raise BadConfig(
                f"Labelled rows know no protocol '{protocol}'.",
                hint=nearest_hint(protocol, PROTOCOLS),
                field="protocol",
            )
        if protocol == "ctr-random-811":
            return Part(*cut_811(np.random.default_rng(seed).permutation(len(self)), self.name))
        if protocol == "ctr-time-811":
            if self.at is None:
                raise BadConfig(f"'{self.name}' has no times.", hint="Use ctr-random-811.", field="protocol")
            return Part(*cut_811(np.argsort(self.at, kind="stable"), self.name))
        if self.part is None:
            raise BadConfig(f"'{self.name}' came undivided.", hint="Use ctr-random-811.", field="protocol")
        train, valid, test = (np.flatnonzero(self.part == each) for each in range(3))
        if not len(valid):
            train, valid = np.split(train, [len(train) - len(train) // 10])
        if not (len(train) and len(valid) and len(test)):
            raise EmptyTraining(f"'{self.name}' has too few rows for three parts.")
        return Part(train, valid, test)

    def describe(self) -> dict[str, Any]:
        """What a report must say about it, as JSON."""
        cells = max(1, len(self) * len(self.columns))
        return {
            "data": self.name,
            "rows": len(self),
            "positive": {name: round(float(values.mean()), 4) for name, values in self.labels.items()},
            "id_columns": list(self.id_columns),
            "quantities": [name for name in self.columns if name not in self.id_columns],
            "missing": dict(self.missing),
            "missing_share": round(sum(self.missing.values()) / cells, 4),
        }
