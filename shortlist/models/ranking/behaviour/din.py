"""DIN: each event counts as much as it has to do with the candidate.

A small network weighs event, candidate, their difference and product; the weights are not normalised, so that how much
interest there is stays visible.
Paper: Zhou et al., "Deep Interest Network for Click-Through Rate Prediction", KDD 2018.
Cost: 4*D*h multiply-adds per event and candidate for the first layer of the weighing network.
When not: with few events per user `history_mean` is as good; with thousands use `sim` or `sdim`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting
from pydantic import PositiveInt

from shortlist.models.base import ModelConfig
from shortlist.models.ranking.behaviour.base import BehaviourConfig, BehaviourRanker

if TYPE_CHECKING:
    from shortlist.models.neural.blocks.behaviour.past import Reader


class Config(BehaviourConfig):
    """Settings of `Din`."""

    attention: tuple[PositiveInt, ...] = Setting(default=(32, 16), min_length=1)
    """Widths of the network that weighs events."""
    softmax: bool = False
    """Whether weights sum to one, which hides how much interest there is."""


class Din(BehaviourRanker):
    """The past, weighted by what it has to do with the candidate. Learned: see `BehaviourRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def reader(self, dim: int) -> Reader | None:
        """Target attention."""
        from shortlist.models.neural.blocks.behaviour.attended import Attended

        return Attended(dim, hidden=self.config.attention, softmax=self.config.softmax)
