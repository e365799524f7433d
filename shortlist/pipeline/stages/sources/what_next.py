"""What people go on to after the last thing the user did, by a model of transitions."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shortlist.pipeline.stages.sources.base import SourceConfig
from shortlist.pipeline.stages.sources.content import Config as ContentConfig
from shortlist.pipeline.stages.sources.content import ContentSource


class Config(ContentConfig):
    """Settings of `what_next`."""

    model: str = "markov"
    """Label of the transition model."""
    last: int = Field(1, ge=1)
    """Latest events that the model is told."""


class WhatNext(ContentSource):
    """Asks a transition model with the last event alone."""

    Config: ClassVar[type[SourceConfig]] = Config
    reason = "next"
