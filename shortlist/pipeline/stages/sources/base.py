"""What sources share: how many they bring, and how a list for one is a list for many."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from shortlist.core.order import rank_within
from shortlist.core.types import Hits, Ints, Requests
from shortlist.pipeline.stages.base import Stage, StageConfig


class SourceConfig(StageConfig):
    """Settings common to all sources."""

    k: int = Field(200, ge=1, le=100_000)
    """Candidates per request, besides as many as the user already knows, so that the seen filter leaves enough."""


class SourceStage(Stage):
    """Base of all sources.

    Attributes:
        reason: code of the reason that an item from here may be explained with.
    """

    Config = SourceConfig
    kind = "source"
    reason: str = "suggested"

    def limit(self, requests: Requests) -> Ints:
        """int64[B], at most so many hits per request; `wider` [B] multiplies it when lists came out short."""
        wide = self.config.k * requests.cols.get("wider", np.int64(1))
        limit: Ints = np.minimum(wide + requests.history.lengths, self.n_items)
        return limit

    @property
    def n_items(self) -> int:
        """M, beyond which no list needs to go."""
        return int(self.world.catalogue.n_items)

    def cut(self, hits: Hits, limit: Ints) -> Hits:
        """The first `limit` [B] rows of each request; makes a request's list independent of its batch."""
        keep = rank_within(hits.row) < limit[hits.row]
        return hits if keep.all() else Hits(hits.row[keep], hits.item[keep], hits.score[keep])
