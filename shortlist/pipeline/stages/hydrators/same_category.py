"""How much of the user's past shares the candidate's category: the share of past events with the same label.

Works on text columns and on lists of labels (genres), where a candidate with several labels gets their mean share.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shortlist.features.feature_set import FeatureSet
from shortlist.features.kinds.share import Share
from shortlist.pipeline.stages.base import StageConfig
from shortlist.pipeline.stages.hydrators.base import FeatureStage


class Config(StageConfig):
    """Settings of `same_category`."""

    columns: tuple[str, ...] = Field(("category",), min_length=1)
    """Catalogue columns of labels."""
    last: int = Field(100, ge=1)
    """Latest events that count."""


class SameCategory(FeatureStage):
    """Adds `share.<column>` for each configured column: `share` features."""

    Config = Config
    needs: ClassVar[tuple[str, ...]] = ("catalogue",)

    @property
    def provides(self) -> tuple[str, ...]:  # type: ignore[override]
        """One share per column."""
        return tuple(f"share.{name}" for name in self.config.columns)

    def declared(self) -> FeatureSet:
        """One feature per column: float64[N] in [0, 1]; NaN without a past or without a label."""
        last = self.config.last
        return FeatureSet(Share(name=f"share.{name}", column=name, last=last) for name in self.config.columns)
