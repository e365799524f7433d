"""The best items of any retriever of the pipeline, by its label."""

from __future__ import annotations

from typing import ClassVar

from shortlist.core.types import Hits, Requests
from shortlist.models.base import CatalogueModel
from shortlist.pipeline.indexed import Indexed, indexed
from shortlist.pipeline.stages.base import World
from shortlist.pipeline.stages.sources.base import SourceConfig, SourceStage


class Config(SourceConfig):
    """Settings of `model`."""

    model: str
    """Label of the model."""
    index: str = "auto"
    """Vector index it answers through: a name, `none`, or `auto`, which takes `ivf_sq8` for models of item vectors
    with more items than a scan is good for, and none otherwise."""


class ModelSource(SourceStage):
    """Asks a fitted retriever. The stage is called like the model unless it has a name of its own."""

    Config: ClassVar[type[SourceConfig]] = Config
    needs: ClassVar[tuple[str, ...]] = ("models", "catalogue")
    reason = "because"

    def __init__(self, world: World, *, label: str = "", **config: object) -> None:
        super().__init__(world, label=label, **config)
        self.model = indexed(world.models[self.config.model], self.config.index)

    def fetch(self, requests: Requests) -> Hits:
        """At most k hits per request besides as many as its history is long."""
        return self.ask(requests, requests)

    def ask(self, requests: Requests, told: Requests) -> Hits:
        """Hits of the model, which is told `told`; what must not come back it leaves out itself, if it can."""
        if isinstance(self.model, Indexed):
            # Each request by its own length: how far an index looks must not depend on the batch.
            own = self.limit(requests) if self.config.tight else self.reach(requests)
            exclude = requests.exclude if self.config.tight else None
            return self.cut(self.model.retrieve(told, own, exclude=exclude), requests)
        if self.config.tight and isinstance(self.model, CatalogueModel):
            most = int(self.limit(requests).max())
            return self.cut(self.model.retrieve(told, most, exclude=requests.exclude), requests)
        return self.cut(self.model.retrieve(told, int(self.reach(requests).max())), requests)
