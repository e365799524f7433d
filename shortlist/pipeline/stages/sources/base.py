"""What sources share: how many they bring, and how a list for one is a list for many."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from shortlist.core.order import rank_within
from shortlist.core.types import Array, Hits, Ints, Requests
from shortlist.models.topk import listed
from shortlist.pipeline.stages.base import Stage, StageConfig


class SourceConfig(StageConfig):
    """Settings common to all sources."""

    k: int = Field(200, ge=1, le=100_000)
    """Candidates per request, besides as many as the user already knows, so that the seen filter leaves enough."""
    tight: bool = False
    """Bring just as many as are asked for and nothing that the request excludes, instead of `k` and more: for
    pipelines that filter nothing else and keep the order of the source."""
    behind: bool = False
    """Ask only where the sources before brought fewer than are asked for; whoever is asked again is asked in full."""


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
        wider = requests.cols.get("wider", np.int64(1))
        wanted = requests.k.astype(np.int64) * wider if self.config.tight else self.config.k * wider
        limit: Ints = np.minimum(wanted if self.config.tight else wanted + requests.history.lengths, self.n_items)
        return limit

    def reach(self, requests: Requests) -> Ints:
        """int64[B], how far to look for so many hits where excluded ones are dropped afterwards, by `cut`."""
        limit = self.limit(requests)
        if not self.config.tight or requests.exclude is None:
            return limit
        reach: Ints = np.minimum(limit + requests.exclude.lengths, self.n_items)
        return reach

    @property
    def n_items(self) -> int:
        """M, beyond which no list needs to go."""
        return int(self.world.catalogue.n_items)

    def cut(self, hits: Hits, requests: Requests) -> Hits:
        """The first `limit` rows of each request; makes a request's list independent of its batch."""
        if self.config.tight and requests.exclude is not None:
            hits = _chosen(hits, ~listed(requests.exclude, hits.row, hits.item, self.n_items))
        return _chosen(hits, rank_within(hits.row) < self.limit(requests)[hits.row])


def _chosen(hits: Hits, keep: Array) -> Hits:
    return hits if keep.all() else Hits(hits.row[keep], hits.item[keep], hits.score[keep])
