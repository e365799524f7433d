"""SDIM: the events of a long past that fall into the candidate's hash bucket are added up, over many bucketings.

That is an attention whose weight falls with the angle between event and candidate, at the price of comparing bucket
numbers. Beside it stands target attention over the latest events.
Paper: Cao et al., "Sampling Is All You Need on Modeling Long-Term User Behaviors for CTR Prediction", CIKM 2022.
Cost: D*groups*group_bits multiply-adds per event, L*groups comparisons per candidate; no products of pairs.
When not: with pasts of tens of events, which `din` reads whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from shortlist.models.base import ModelConfig
from shortlist.models.ranking.behaviour.base import BehaviourRanker, LongConfig

if TYPE_CHECKING:
    from shortlist.models.neural.blocks.behaviour.past import Reader


class Config(LongConfig):
    """Settings of `Sdim`."""

    groups: int = Setting(default=16, ge=1, le=1024)
    """Bucketings."""
    group_bits: int = Setting(default=3, ge=1, le=30)
    """Random directions per bucketing: more make buckets narrower."""


class Sdim(BehaviourRanker):
    """The latest events, and a long past by hash buckets. Learned: see `BehaviourRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config
    faster_in_torch: ClassVar[bool] = True

    def reader(self, dim: int) -> Reader | None:
        """Attention over the latest, hashed attention over all."""
        from shortlist.models.neural.blocks.behaviour.attended import Attended
        from shortlist.models.neural.blocks.behaviour.hashed import HashedAttention
        from shortlist.models.neural.blocks.behaviour.two_stage import Both

        c = self.config
        return Both(Attended(dim, last=c.recent), HashedAttention(dim, groups=c.groups, width=c.group_bits))
