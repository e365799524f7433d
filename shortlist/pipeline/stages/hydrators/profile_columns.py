"""Query columns (user columns, context) as columns of every candidate, for rankers."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shortlist.features.feature_set import FeatureSet
from shortlist.features.kinds.context import Context
from shortlist.pipeline.stages.base import StageConfig
from shortlist.pipeline.stages.hydrators.base import FeatureStage


class Config(StageConfig):
    """Settings of `profile_columns`."""

    columns: tuple[str, ...] = Field(min_length=1)
    """Query columns to copy; a `profile` query stage provides them."""


class ProfileColumns(FeatureStage):
    """Adds `user.<column>`: `context` features."""

    Config = Config
    needs: ClassVar[tuple[str, ...]] = ()

    @property
    def requires(self) -> tuple[str, ...]:  # type: ignore[override]
        """The query columns."""
        return tuple(self.config.columns)

    @property
    def provides(self) -> tuple[str, ...]:  # type: ignore[override]
        """The same with the prefix `user.`."""
        return tuple(f"user.{name}" for name in self.config.columns)

    def declared(self) -> FeatureSet:
        """One feature per column."""
        return FeatureSet(Context(name=f"user.{name}", column=name) for name in self.config.columns)
