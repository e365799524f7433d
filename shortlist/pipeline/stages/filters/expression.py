"""A condition over columns that every row must meet, written as a filter expression in the spec."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from shortlist.core.types import Array, Candidates, Requests
from shortlist.features.catalogue import gather
from shortlist.pipeline.expression import kind_of, parse_expression
from shortlist.pipeline.stages.base import Stage, StageConfig, World


class Config(StageConfig):
    """Settings of `expression`."""

    keep: str = Field(min_length=1)
    """The condition, `price < 20 and not ("adult" in tags)`; candidate columns come before catalogue columns."""


class ExpressionFilter(Stage):
    """Keeps rows that meet the condition."""

    Config = Config
    kind = "filter"
    needs: ClassVar[tuple[str, ...]] = ("catalogue",)

    def __init__(self, world: World, *, label: str = "", **config: Any) -> None:
        super().__init__(world, label=label, **config)
        self._condition = parse_expression(self.config.keep)
        kinds = {name: kind_of(world.catalogue.column(name)) for name in world.catalogue.names()}
        # What the catalogue does not have must be a column of candidates, and those that are made are numbers.
        self._made = tuple(name for name in self._condition.columns if name not in kinds)
        self._condition.check({**dict.fromkeys(self._made, "number"), **kinds})

    @property
    def requires(self) -> tuple[str, ...]:  # type: ignore[override]
        """Columns that the catalogue does not have."""
        return self._made

    def keep(self, requests: Requests, candidates: Candidates) -> Array:
        """bool[N]."""
        return self._condition.evaluate(lambda name: self._column(name, candidates), len(candidates))

    def _column(self, name: str, candidates: Candidates) -> Array:
        if name in candidates.cols:
            return candidates.cols[name]
        return gather(self.world.catalogue.column(name), candidates.item)
