"""Items like those the user had, by a content model."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shortlist.core.types import Hits, Requests
from shortlist.pipeline.stages.sources.base import SourceConfig
from shortlist.pipeline.stages.sources.model import Config as ModelConfig
from shortlist.pipeline.stages.sources.model import ModelSource


class Config(ModelConfig):
    """Settings of `content`."""

    model: str = "content"
    """Label of the content model."""
    last: int = Field(50, ge=1)
    """Latest events that make up the profile."""


class ContentSource(ModelSource):
    """Asks the content model with the latest events."""

    Config: ClassVar[type[SourceConfig]] = Config
    reason = "similar"

    def fetch(self, requests: Requests) -> Hits:
        """At most k hits per request besides as many as its history is long."""
        return self.ask(requests, requests.with_history(requests.history.last(self.config.last)))
