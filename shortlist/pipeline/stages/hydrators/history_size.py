"""How much is known about the user, as a column of every candidate: rankers can treat newcomers differently."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from shortlist.core.types import Array, Candidates, Requests
from shortlist.pipeline.stages.base import Stage


class HistorySize(Stage):
    """Adds `history_size`, log(1 + events of the user before now)."""

    kind = "hydrator"
    provides = ("history_size",)

    def columns(self, requests: Requests, candidates: Candidates) -> Mapping[str, Array]:
        """float64[N]."""
        return {"history_size": np.log1p(requests.history.lengths.astype(np.float64))[candidates.row]}
