"""Columns of the catalogue, for filters, rankers and rerankers."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field as Setting

from shortlist.features.feature_set import FeatureSet
from shortlist.features.kinds.field import Field
from shortlist.pipeline.stages.base import StageConfig
from shortlist.pipeline.stages.hydrators.base import FeatureStage


class Config(StageConfig):
    """Settings of `item_columns`."""

    columns: tuple[str, ...] = Setting(min_length=1)
    """Catalogue columns to add."""


class ItemColumns(FeatureStage):
    """Adds item columns under their own names: `field` features."""

    Config = Config
    needs: ClassVar[tuple[str, ...]] = ("catalogue",)

    @property
    def provides(self) -> tuple[str, ...]:  # type: ignore[override]
        """The configured columns."""
        return tuple(self.config.columns)

    def declared(self) -> FeatureSet:
        """One field per column: numbers with NaN, text with "", lists as tuples."""
        return FeatureSet(Field(name=name, column=name) for name in self.config.columns)
