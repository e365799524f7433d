"""Drops what the user already had, as far back as the request's history goes and beyond it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shortlist.core.types import Array, Candidates, Requests
from shortlist.models.topk import listed
from shortlist.pipeline.stages.base import Stage, StageConfig


class Config(StageConfig):
    """Settings of `seen`."""

    limit: int = Field(100_000, ge=1)
    """Latest events of the user that count as seen; larger than what models read."""


class Seen(Stage):
    """Keeps rows whose item is not in the user's past, stored or brought by the request."""

    Config = Config
    kind = "filter"
    needs: ClassVar[tuple[str, ...]] = ("history", "catalogue")

    def keep(self, requests: Requests, candidates: Candidates) -> Array:
        """bool[N]."""
        width = max(int(self.world.catalogue.n_items), int(candidates.item.max(initial=0)) + 1)
        had = listed(requests.history, candidates.row, candidates.item, width)
        if self.world.history is not None:
            stored = self.world.history.read(requests.user, requests.now, self.config.limit)
            had |= listed(stored, candidates.row, candidates.item, width)
        return ~had
