"""Drops the items that the caller asked not to see. Part of every pipeline, named or not."""

from __future__ import annotations

import numpy as np

from shortlist.core.types import Array, Candidates, Requests
from shortlist.models.topk import listed
from shortlist.pipeline.stages.base import Stage


class Exclude(Stage):
    """Keeps rows whose item is not in `requests.exclude`."""

    kind = "filter"

    def keep(self, requests: Requests, candidates: Candidates) -> Array:
        """bool[N]."""
        banned = requests.exclude
        if banned is None or not len(banned.item) or not len(candidates):
            return np.ones(len(candidates), bool)
        return ~listed(banned, candidates.row, candidates.item, int(candidates.item.max()) + 1)
