"""What the stages that add features share: a set of them over the parts of the world that the stage declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shortlist.core.types import Array, Candidates, Requests
from shortlist.features.feature_set import FeatureSet
from shortlist.pipeline.stages.base import Stage, World


class FeatureStage(Stage):
    """Base of the stages that add features: a set of them over the world's state."""

    kind = "hydrator"

    def __init__(self, world: World, *, label: str = "", **config: Any) -> None:
        super().__init__(world, label=label, **config)
        self.features = self.declared()
        self.features.check(world.catalogue, world.profiles)
        self.state: Any = world.features
        if self.features.measures:
            self.connect()

    def connect(self) -> None:
        """Say what will be read."""
        self.state.need(self.features.measures)

    def declared(self) -> FeatureSet:
        """The features to add."""
        raise NotImplementedError

    def columns(self, requests: Requests, candidates: Candidates) -> Mapping[str, Array]:
        """Each [N, ...]."""
        world = self.world
        return self.features.columns(requests, candidates, self.state, world.catalogue, world.profiles)
