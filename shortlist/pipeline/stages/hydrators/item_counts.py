"""How often each candidate was used before `now`: in all, and lately."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shortlist.features.feature_set import FeatureSet
from shortlist.features.kinds.count import Count
from shortlist.features.kinds.decayed import Decayed
from shortlist.pipeline.stages.base import StageConfig
from shortlist.pipeline.stages.hydrators.base import FeatureStage


class Config(StageConfig):
    """Settings of `item_counts`."""

    half_life_s: float = Field(259_200.0, gt=0)
    """Seconds after which an event counts half in `item_trending`; three days."""


class ItemCounts(FeatureStage):
    """Adds `item_events` and `item_trending`, both as log(1 + count): a `count` and a `decayed` feature."""

    Config = Config
    needs: ClassVar[tuple[str, ...]] = ("features",)
    provides = ("item_events", "item_trending")

    def declared(self) -> FeatureSet:
        """Two features."""
        trending = Decayed(name="item_trending", half_life=self.config.half_life_s, scale="log1p")
        return FeatureSet([Count(name="item_events", scale="log1p"), trending])
