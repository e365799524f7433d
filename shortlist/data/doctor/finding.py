"""One thing that is odd about data: the shape in which every check reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from shortlist.core.types import Ints
from shortlist.data.dataset import Dataset

Severity = Literal["error", "warning", "info"]
MANY_EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """One thing that is odd.

    Attributes:
        code: stable name.
        severity: error, warning or info.
        message: what was found.
        hint: what to do about it.
        count: rows, users or items concerned.
        examples: up to five external ids or numbers.
    """

    code: str
    severity: Severity
    message: str
    hint: str
    count: int = 0
    examples: tuple[str, ...] = ()


def pair_codes(data: Dataset) -> Ints:
    """int64[T], one number per (user, item) of each event."""
    events = data.interactions
    return events.user * np.int64(max(data.n_items, 1)) + events.item
