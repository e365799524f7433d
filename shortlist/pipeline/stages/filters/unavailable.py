"""Drops what cannot be had: hidden, sold out or withdrawn items."""

from __future__ import annotations

from typing import ClassVar

from shortlist.core.types import Array, Candidates, Requests
from shortlist.features.catalogue import gather
from shortlist.pipeline.stages.base import Stage


class Unavailable(Stage):
    """Keeps rows whose catalogue column `available` is true; an item the catalogue does not have is dropped."""

    kind = "filter"
    needs: ClassVar[tuple[str, ...]] = ("catalogue",)

    def keep(self, requests: Requests, candidates: Candidates) -> Array:
        """bool[N]."""
        return gather(self.world.catalogue.column("available"), candidates.item)
