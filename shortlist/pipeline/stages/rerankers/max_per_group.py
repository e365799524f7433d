"""At most so many items of one author, brand or category on a page."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
from pydantic import Field

from shortlist.core.types import Ints
from shortlist.pipeline.stages.rerankers.base import GroupConfig, GroupReranker
from shortlist.policy.caps import surplus_last, within_cap


class Config(GroupConfig):
    """Settings of `max_per_group`."""

    most: int = Field(3, ge=1)
    """Rows of one group per request, best first."""
    drop: bool = True
    """Drop rows beyond the cap even if the list comes out short; False moves them to the end instead."""


class MaxPerGroup(GroupReranker):
    """Keeps the first rows of each group; rows without a group are not counted."""

    Config = Config

    def arrange(self, group: list[Hashable | None], rows: Ints) -> Ints:
        """The first rows of each group, then the others if they stay."""
        keep = within_cap(group, self.config.most)
        return rows[keep] if self.config.drop else np.array(surplus_last(rows, keep), np.int64)
