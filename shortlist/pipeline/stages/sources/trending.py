"""What is used most lately: events count half after every half-life."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from shortlist.pipeline.stages.sources.base import SourceConfig
from shortlist.pipeline.stages.sources.popular import Config as PopularConfig
from shortlist.pipeline.stages.sources.popular import Popular


class Config(PopularConfig):
    """Settings of `trending`."""

    half_life_s: float = Field(259_200.0, gt=0)
    """Seconds after which an event counts half; three days."""


class Trending(Popular):
    """Items by decayed number of events; items without any are not listed."""

    Config: ClassVar[type[SourceConfig]] = Config
    reason = "trending"
    with_unused = False

    def counter(self) -> Any:
        """The decayed counter."""
        return self.world.counts[f"decayed:{self.config.half_life_s!r}"]
