"""Looks up what the user did before `now`. Requests that bring their own events keep those."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from shortlist.core.types import History, Requests, offsets_of
from shortlist.pipeline.stages.base import Stage, StageConfig


class Config(StageConfig):
    """Settings of `history`."""

    limit: int = Field(500, ge=1, le=100_000)
    """Latest events read per user."""


class HistoryQuery(Stage):
    """Gives every request its history as of its `now`."""

    Config = Config
    kind = "query"
    needs: ClassVar[tuple[str, ...]] = ("history",)

    def history(self, requests: Requests) -> History:
        """The stored history of each user, or the events that the request brought itself (an anonymous session)."""
        brought = requests.history
        if self.world.history is None:
            return brought
        if not len(brought.item):
            return self.world.history.read(requests.user, requests.now, self.config.limit)
        keep = brought.lengths > 0
        stored = self.world.history.read(np.where(keep, -1, requests.user), requests.now, self.config.limit)
        row = np.concatenate([stored.row, brought.row])
        order = np.argsort(row, kind="stable")
        item = np.concatenate([stored.item, brought.item])[order]
        at = np.concatenate([stored.at, brought.at])[order]
        return History(item, at, offsets_of(stored.lengths + brought.lengths))
