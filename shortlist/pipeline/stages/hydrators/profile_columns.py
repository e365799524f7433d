"""Query columns (user columns, context) as columns of every candidate, for rankers."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from shortlist.core.types import Array, Candidates, Requests
from shortlist.pipeline.stages.base import Stage, StageConfig


class Config(StageConfig):
    """Settings of `profile_columns`."""

    columns: tuple[str, ...] = Field(min_length=1)
    """Query columns to copy; a `profile` query stage provides them."""


class ProfileColumns(Stage):
    """Adds `user.<column>`."""

    Config = Config
    kind = "hydrator"

    @property
    def requires(self) -> tuple[str, ...]:  # type: ignore[override]
        """The query columns."""
        return tuple(self.config.columns)

    @property
    def provides(self) -> tuple[str, ...]:  # type: ignore[override]
        """The same with the prefix `user.`."""
        return tuple(f"user.{name}" for name in self.config.columns)

    def columns(self, requests: Requests, candidates: Candidates) -> Mapping[str, Array]:
        """Each [N]."""
        return {f"user.{name}": requests.cols[name][candidates.row] for name in self.config.columns}
