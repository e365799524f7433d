"""Looks up columns of the user table, such as age group or country."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from shortlist.core.types import Array, Requests
from shortlist.pipeline.stages.base import Stage, StageConfig


class Config(StageConfig):
    """Settings of `profile`."""

    columns: tuple[str, ...] = Field(min_length=1)
    """User columns to read."""


class ProfileQuery(Stage):
    """Adds user columns to the request; unknown users have missing values."""

    Config = Config
    kind = "query"
    needs: ClassVar[tuple[str, ...]] = ("profiles",)

    @property
    def provides(self) -> tuple[str, ...]:  # type: ignore[override]
        """The configured columns."""
        return tuple(self.config.columns)

    def columns(self, requests: Requests) -> Mapping[str, Array]:
        """Each [B]: numbers with NaN, text with ""."""
        return {name: self.world.profiles.column(name, requests.user) for name in self.config.columns}
