"""Everything that any source named; the weight is the number of sources that did."""

from __future__ import annotations

import numpy as np

from shortlist.core.types import Candidates, Floats, Requests
from shortlist.pipeline.merge import Lists
from shortlist.pipeline.stages.merging.base import MergerStage


class Union(MergerStage):
    """Leaves the order to the scorer."""

    def weigh(self, requests: Requests, candidates: Candidates, lists: Lists) -> Floats:
        """float64[N], sources that named the row."""
        return np.bitwise_count(candidates.cols["sources"]).astype(np.float64)
