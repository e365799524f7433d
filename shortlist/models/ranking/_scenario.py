"""Which scenarios a ranker was taught, and how many rows it scored of others; for rankers and their served graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shortlist.core.types import Floats


class Scenarios:
    """The codes of a scenario column.

    Args:
        columns: of the ranker, in the order of its matrix.
        fields: states of its vocabularies.
        column: that says the scenario; "" where there is none, and then nothing counts as unseen.

    Attributes:
        known: float64[S], codes that training rows held, in the order of the network's parts.
        unseen: rows counted so far whose scenario is none of them, or missing.
    """

    def __init__(self, columns: Sequence[str], fields: Sequence[dict[str, Any]], column: str) -> None:
        self.place = list(columns).index(column) if column else None
        labels = [state["labels"] for state in fields if state["field"]["name"] == f"column{self.place}"]
        self.known: Floats = np.array([float(label) for label in (labels[0] if labels else [])])
        self.unseen = 0

    def count(self, x: Floats) -> None:
        """Look at rows float64[N, F] that are scored."""
        if self.place is not None:
            self.unseen += int((~np.isin(x[:, self.place], self.known)).sum())
