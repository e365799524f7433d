"""What rerankers share: work on one request's list at a time, and the group that a row belongs to."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from shortlist.core.types import Array, Candidates, Ints, Requests, RowOrder


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
