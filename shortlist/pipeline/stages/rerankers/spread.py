"""Breaks up runs: never more than so many of one kind in a row, as long as there is another kind."""

from __future__ import annotations

from collections.abc import Hashable

from pydantic import Field

from shortlist.core.types import Ints
from shortlist.pipeline.stages.rerankers.base import GroupConfig, GroupReranker
from shortlist.policy.dispersion import dispersed


class Config(GroupConfig):
    """Settings of `spread`."""

    most: int = Field(2, ge=1)
    """Longest run of one group."""


class Spread(GroupReranker):
    """Keeps all rows and, where it can, their order."""

    Config = Config

    def arrange(self, group: list[Hashable | None], rows: Ints) -> Ints:
        """All rows, those that would lengthen a run moved down."""
        arranged: Ints = rows[dispersed(group, self.config.most)]
        return arranged
