"""Features as data: `[[feature]]` tables of a pipeline's TOML, or of a file of their own.

Unknown keys and kinds are errors with the nearest name. A feature is one definition: the hydrator `features` computes
it for serving and for training, and the log of decisions keeps its values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shortlist.core.errors import BadConfig, BadSpec, UnknownName
from shortlist.core.registry import load
from shortlist.core.types import Ints
from shortlist.features.base import Feature
from shortlist.features.feature_set import FeatureSet
from shortlist.features.measures import Measure, Owner
from shortlist.features.state import Reading, StateReader

KIND = "feature"
"""Registry kind."""


class Declared:
    """A state together with the features that a spec declares over it."""

    def __init__(self, state: Any, declared: FeatureSet) -> None:
        self.state = state
        self.declared = declared

    def reader(self, features: FeatureSet) -> StateReader:
        """Where these features are read."""
        found: StateReader = self.state.reader(features)
        return found

    def need(self, measures: Iterable[Measure]) -> None:
        """See `StateReader.need`."""
        self.state.need(measures)

    def fetch(self, entities: Mapping[Owner, Ints]) -> Reading:
        """See `StateReader.fetch`."""
        reading: Reading = self.state.fetch(entities)
        return reading


def make_feature(values: Mapping[str, Any]) -> Feature:
    """One feature from its table.

    Raises:
        BadSpec: an unknown kind or setting, with the nearest name, or an impossible one; names the feature.
    """
    name = str(values.get("name", "?"))[:80]
    kind = values.get("kind")
    if not isinstance(kind, str) or not kind:
        raise BadSpec(f"Feature '{name}' does not say its kind.", hint='Add kind = "count", or another.', field="kind")
    try:
        feature: Feature = load(kind, KIND)(**values)
    except (BadConfig, UnknownName) as error:
        message = error.message if f"'{name}'" in error.message else f"Feature '{name}': {error.message}"
        raise BadSpec(message, hint=error.hint, field=error.field) from None
    return feature


def make_features(tables: Iterable[Mapping[str, Any]]) -> FeatureSet:
    """All features of a spec, in its order.

    Raises:
        BadSpec: as `make_feature`; two features of one name; one that reads another declared after it.
    """
    made = FeatureSet(make_feature(table) for table in tables)
    made.needs()
    return made


def resolved(values: Mapping[str, Any]) -> dict[str, Any]:
    """A feature's table with every default filled in, as plain values.

    Raises:
        BadSpec: as `make_feature`.
    """
    feature = make_feature(values)
    settings: dict[str, Any] = (
        load(feature.config.kind, KIND).Config.parse(values, where="feature").model_dump(mode="json")
    )
    return {**settings, "type": feature.type, "unit": feature.unit, "owner": feature.owner}
