"""What was not as it might have been while answering: values that were missing, old, too large, or of a new scenario.

Nobody is told in the answer, because each single value has its default; together they say that a source has dried up.
Counts are those of the serving state and begin anew with every bundle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shortlist.features.feature_set import FeatureSet

if TYPE_CHECKING:
    from shortlist.app.service import Service

UNSEEN = "unseen_scenario"
"""Reason of rows whose scenario a ranker has not been taught."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How often something was not as it might have been.

    Attributes:
        surface: whose pipeline it is part of; "" for models, which surfaces share.
        name: of the feature or the model.
        reason: "missing", "stale", "overflow", "failed" (see `features.feature_set`) or "unseen_scenario".
        values: how many.
    """

    surface: str
    name: str
    reason: str
    values: int


@dataclass(frozen=True, slots=True)
class Age:
    """How long ago anything was heard that a feature with a `ttl` reads.

    Attributes:
        surface: whose pipeline it is part of.
        name: of the feature.
        seconds: since the latest news of anybody in the last batch.
    """

    surface: str
    name: str
    seconds: float


def ages(service: Service) -> list[Age]:
    """Ages of features, by surface and name; nothing before there is a bundle."""
    if not service.serves:
        return []
    found: dict[tuple[str, str], float] = {}
    for surface, runner in service.state.runners.items():
        for stage in runner.stages["hydrator"]:
            features = getattr(stage, "features", None)
            for name, seconds in features.ages().items() if isinstance(features, FeatureSet) else ():
                found[surface, name] = min(seconds, found.get((surface, name), seconds))
    return [Age(*key, seconds) for key, seconds in sorted(found.items())]


def counted(service: Service) -> list[Counted]:
    """Counts since the bundle serves, by surface, name and reason; nothing before there is one."""
    if not service.serves:
        return []
    state = service.state
    found: dict[tuple[str, str, str], int] = {}
    for surface, runner in state.runners.items():
        for stage in runner.stages["hydrator"]:
            features = getattr(stage, "features", None)
            for one in features.tally() if isinstance(features, FeatureSet) else ():
                key = (surface, one.feature, one.reason)
                found[key] = found.get(key, 0) + one.values
    for label, model in state.learning.models.items():
        unseen = int(getattr(model, "unseen_rows", 0))
        if unseen:
            found["", label, UNSEEN] = unseen
    return [Counted(*key, values) for key, values in sorted(found.items())]
