"""How much is known about the user, as a column of every candidate: rankers can treat newcomers differently."""

from __future__ import annotations

from typing import ClassVar

from shortlist.features.feature_set import FeatureSet
from shortlist.features.kinds.session import Session
from shortlist.pipeline.stages.hydrators.base import FeatureStage


class HistorySize(FeatureStage):
    """Adds `history_size`, log(1 + events of the user before now): a `session` feature without pauses."""

    needs: ClassVar[tuple[str, ...]] = ()
    provides = ("history_size",)

    def declared(self) -> FeatureSet:
        """One feature."""
        return FeatureSet([Session(name="history_size", of="length", gap=None, scale="log1p")])
