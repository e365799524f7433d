"""Declared features as columns of every candidate: the `[[feature]]` tables of the pipeline's spec.

One fetch from the feature state per batch, whatever the number of candidates. Online, offline, in training and in a
back-test it is this stage that computes them, as of each request's `now`.
"""

from __future__ import annotations

from typing import ClassVar

from shortlist.features.feature_set import FeatureSet
from shortlist.features.stored import StoredState
from shortlist.pipeline.stages.base import StageConfig
from shortlist.pipeline.stages.hydrators.base import FeatureStage


class Config(StageConfig):
    """Settings of `features`."""

    columns: tuple[str, ...] = ()
    """Declared features to add, with what they read; empty adds all."""


class Features(FeatureStage):
    """The spec's features."""

    Config = Config
    needs: ClassVar[tuple[str, ...]] = ("features", "catalogue", "profiles")

    def declared(self) -> FeatureSet:
        """Those of the spec that were asked for."""
        every: FeatureSet = self.world.features.declared
        return every.only(self.config.columns) if self.config.columns else every

    def connect(self) -> None:
        """Open the state of these features; a store may keep the stage waiting, so it gets a pool of its own."""
        self.state = self.world.features.reader(self.features)
        self.may_wait = isinstance(self.state, StoredState)
        defaults = {one.name: one.config.default for one in self.features.features if one.config.default is not None}
        if self.may_wait and len(defaults) == len(self.features):
            self.optional, self.defaults = True, defaults

    @property
    def provides(self) -> tuple[str, ...]:  # type: ignore[override]
        """Their names."""
        made: FeatureSet | None = getattr(self, "features", None)
        return tuple(self.config.columns) if made is None else made.names

    @property
    def requires(self) -> tuple[str, ...]:  # type: ignore[override]
        """Columns of stages before that they read."""
        made: FeatureSet | None = getattr(self, "features", None)
        return () if made is None else made.needs()
