"""Features of a Feast repo as features of the house: owner, type and unit are known, and what is missing is counted."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shortlist.core.types import Array
from shortlist.features.base import Feature, FeatureConfig, FeatureOwner, FeatureType, View
from shortlist.features.feast.repo import FeastField, FeastView
from shortlist.features.feast.values import ColumnType, column_type


class Config(FeatureConfig):
    """Settings of one column."""

    reference: str = Field(min_length=3)
    """`view:feature`."""


class FeastColumn(Feature):
    """One feature of a Feast repo; what was fetched of it lies in the view's catalogue, by name."""

    Config = Config
    owners: ClassVar[tuple[FeatureOwner, ...]] = ("pair", "user", "item", "context")  # type: ignore[misc]
    types: ClassVar[tuple[FeatureType, ...]] = ("number", "text", "list")  # type: ignore[misc]

    def compute(self, view: View) -> Array:
        """As fetched; counts what was older than its `ttl`."""
        found, stale = view.catalogue[self.name]
        view.count(self.name, "stale", stale)
        column: Array = found
        return column


def declared_column(
    name: str, view: FeastView, field: FeastField, owner: FeatureOwner, default: float | None
) -> FeastColumn:
    """The column of a feature.

    Args:
        name: of the column.
        view: where the feature is.
        field: the feature.
        owner: whose property it is.
        default: of numbers where nothing is known.
    """
    kind: ColumnType = column_type(field.kind)
    type_ = "number" if kind in ("number", "truth", "time") else kind
    said = {"default": default} if type_ == "number" and default is not None else {}
    return FeastColumn(name=name, reference=f"{view.name}:{field.name}", owner=owner, type=type_, **said)
