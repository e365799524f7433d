"""ETA: of a long past the events are read whose hashed vectors are nearest the candidate's.

Signs under fixed random directions stand for vectors; the share of differing bits estimates the angle. The vectors, and
with them the hashes, move while training; the directions are drawn once from the seed and saved.
Paper: Chen et al., "End-to-End User Behavior Retrieval in Click-Through Rate Prediction Model", 2021.
Cost: D*bits multiply-adds per event, L*bits comparisons per candidate, attention over `recent` + `found` events.
When not: where a good category exists, `sim` searches better for less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from shortlist.models.base import ModelConfig
from shortlist.models.ranking.behaviour.base import BehaviourRanker, LongConfig, dividing

if TYPE_CHECKING:
    from shortlist.models.neural.blocks.behaviour.past import Reader


class Config(LongConfig):
    """Settings of `Eta`."""

    found: int = Setting(default=20, ge=1)
    """Events that the search may find."""
    heads: int = Setting(default=2, ge=1, le=64)
    """Heads of the attention over them; must divide `factors`."""
    bits: int = Setting(default=32, ge=1, le=4096)
    """Random directions."""


class Eta(BehaviourRanker):
    """The latest events, and the nearest of a long past by hash. Learned: see `BehaviourRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config
    faster_in_torch: ClassVar[bool] = True

    def reader(self, dim: int) -> Reader | None:
        """Attention over the latest, and over what the search finds."""
        from shortlist.models.neural.blocks.behaviour.attended import Attended
        from shortlist.models.neural.blocks.behaviour.multi_head import MultiHeadTarget
        from shortlist.models.neural.blocks.behaviour.search import NearestByHash
        from shortlist.models.neural.blocks.behaviour.two_stage import Both, Found

        c = self.config
        search = NearestByHash(dim, c.found, c.bits)
        return Both(Attended(dim, last=c.recent), Found(search, MultiHeadTarget(dim, dividing(c.heads, dim))))
