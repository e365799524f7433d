"""Columns of the catalogue, for filters, rankers and rerankers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from shortlist.core.types import Array, Candidates, Requests
from shortlist.features.catalogue import gather
from shortlist.pipeline.stages.base import Stage, StageConfig


class Config(StageConfig):
    """Settings of `item_columns`."""

    columns: tuple[str, ...] = Field(min_length=1)
    """Catalogue columns to add."""


class ItemColumns(Stage):
    """Adds item columns under their own names."""

    Config = Config
    kind = "hydrator"
    needs: ClassVar[tuple[str, ...]] = ("catalogue",)

    @property
    def provides(self) -> tuple[str, ...]:  # type: ignore[override]
        """The configured columns."""
        return tuple(self.config.columns)

    def columns(self, requests: Requests, candidates: Candidates) -> Mapping[str, Array]:
        """Each [N]: numbers with NaN, text with "", lists as tuples."""
        return {name: gather(self.world.catalogue.column(name), candidates.item) for name in self.config.columns}
