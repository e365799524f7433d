"""A column of the item table or of the user table, as it stands.

Numbers are NaN, text is "" where the table says nothing. With `known`, a text outside of it is a category nobody
trained on: it becomes the default and is counted as `unknown_category`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field as Setting

from shortlist.core.errors import BadSpec
from shortlist.core.types import Array
from shortlist.features.base import Feature, FeatureConfig, FeatureOwner, FeatureType, View, need_column
from shortlist.features.catalogue import gather


class Config(FeatureConfig):
    """Settings of `field`."""

    column: str = Setting(min_length=1)
    """Column of the item table, or with `owner = "user"` of the user table."""
    known: tuple[str, ...] = ()
    """Texts that may occur; none allows all."""


class Field(Feature):
    """The column's value; type and unit are the column's own unless stated."""

    Config = Config
    owners: tuple[FeatureOwner, ...] = ("item", "user")
    types: tuple[FeatureType, ...] = ("number", "text", "truth", "list")

    def __init__(self, **config: Any) -> None:
        if config.get("type") is None and (isinstance(config.get("default"), str) or config.get("known")):
            config = {**config, "type": "text"}
        super().__init__(**config)

    def check(self, catalogue: Any, profiles: Any) -> None:
        """Raises: BadSpec if the table lacks the column, or holds another type than stated."""
        is_item, name = self.owner == "item", self.config.column
        need_column(self, catalogue if is_item else profiles, name, "item" if is_item else "user")
        held = catalogue.column(name) if is_item else profiles.column(name, np.zeros(1, np.int64))
        found = _type_of(held)
        stated = self.config.type
        if stated is not None and found != stated and not {found, stated} == {"text", "list"}:
            raise BadSpec(
                f"feature '{self.name}' reads the column '{name}', which holds {found}, not {stated}.",
                hint="Correct 'type', 'default' or 'known'.",
                field="type",
            )
        self.type = found

    def compute(self, view: View) -> Array:
        """[N] of items, [B] of users."""
        name = self.config.column
        if self.owner == "item":
            found = gather(view.catalogue.column(name), view.candidates.item)
        else:
            found = view.profiles.column(name, view.requests.user)
        return only_known(self, found, view)


def only_known(feature: Feature, found: Array, view: View) -> Array:
    """The texts, with those outside `known` taken for unknown and counted."""
    known = feature.config.known
    if not known or found.dtype != object:
        return found
    strange = np.array([bool(text) and text not in known for text in found.tolist()], bool)
    view.count(feature.name, "unknown_category", int(strange.sum()))
    return np.where(strange, "", found)


def _type_of(column: Array) -> FeatureType:
    """What a column of a table holds."""
    if column.dtype == bool:
        return "truth"
    if column.dtype.kind == "f":
        return "number"
    return "list" if len(column) and isinstance(column[0], tuple) else "text"
