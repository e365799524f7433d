"""Drops what the user already had, as far back as the request's history goes and beyond it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from shortlist.core.types import Array, Candidates, Requests
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
        width = max(int(self.world.catalogue.n_items), 1)
        past = [requests.history]
        if self.world.history is not None:
            past.append(self.world.history.read(requests.user, requests.now, self.config.limit))
        keys = np.concatenate([_keys(part.row, part.item, width) for part in past])
        return ~np.isin(candidates.row.astype(np.int64) * width + candidates.item, keys)


def _keys(row: Array, item: Array, width: int) -> Array:
    inside = item < width
    return row[inside] * width + item[inside]
