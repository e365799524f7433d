"""What rerankers share: work on one request's list at a time, and the group that a row belongs to."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from shortlist.core.errors import StageError
from shortlist.core.types import Array, Candidates, Ints, Requests, RowOrder
from shortlist.pipeline.stages.base import Stage, StageConfig


def per_request(requests: Requests, candidates: Candidates, arrange: Callable[[int, Ints], Any]) -> RowOrder:
    """Arrange each request's rows: `arrange(b, rows)` returns row numbers out of `rows`, best first."""
    offsets = candidates.offsets
    parts = [
        np.asarray(arrange(b, np.arange(offsets[b], offsets[b + 1])), np.int64)
        for b in range(len(requests))
        if offsets[b + 1] > offsets[b]
    ]
    return RowOrder(np.concatenate(parts) if parts else np.empty(0, np.int64))


def groups(column: Array) -> list[Hashable | None]:
    """The group of each row: the value, the first of a list, None where unknown."""
    out: list[Hashable | None] = []
    for value in column.tolist():
        if isinstance(value, tuple):
            value = value[0] if value else None
        out.append(None if value is None or value == "" or value != value else value)
    return out


class GroupConfig(StageConfig):
    """Settings of rerankers that arrange by group."""

    column: str = "category"
    """Candidate column that names the group; of a list, its first label."""


class GroupReranker(Stage):
    """Base of rerankers that arrange each request's rows by their group."""

    Config = GroupConfig
    kind = "reranker"

    @property
    def requires(self) -> tuple[str, ...]:  # type: ignore[override]
        """The group column."""
        return (self.config.column,)

    def order(self, requests: Requests, candidates: Candidates) -> RowOrder:
        """int64[N'] row numbers in their order."""
        group = groups(candidates.cols[self.config.column])
        return per_request(requests, candidates, lambda b, rows: self.arrange(group[rows[0] : rows[-1] + 1], rows))

    def arrange(self, group: list[Hashable | None], rows: Ints) -> Ints:
        """The row numbers of one request, int64[n], in their new order; `group[j]` is the group of `rows[j]`."""
        raise StageError(f"{type(self).__name__} does not implement arrange().")
