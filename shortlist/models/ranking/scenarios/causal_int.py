"""In the manner of CausalInt: what holds in every scenario apart from what holds in one, and what others would say.

A shared network reads what is invariant, a layer per scenario what is its own, and a charge keeps the two at right
angles. What the layers of other scenarios would make of the row ("had it been shown there") is weighed by attention and
added, without teaching them.

Paper: Wang et al., "CausalInt: Causal Inspired Intervention for Multi-Scenario Recommendation", WSDM 2022. Its
inner and outer loop against conflicting gradients is not here: `balance = "pcgrad"` does that between tasks.
Cost: a network, S + 1 layers for every row, a tower per task and scenario.
When not: it has the most parts of its family; compare it with `star` first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from shortlist.models.base import ModelConfig
from shortlist.models.neural.bodies.shape import Shape
from shortlist.models.ranking.scenarios.base import ScenarioRanker
from shortlist.models.ranking.tasks.base import TaskConfig

if TYPE_CHECKING:
    from torch import nn


class Config(TaskConfig):
    """Settings of `CausalInt`."""

    apart: float = Setting(default=0.1, ge=0)
    """Weight of the charge on what a scenario's own layer shares with the invariant network."""


class CausalInt(ScenarioRanker):
    """Invariant and own features, and what other scenarios would say. Learned: see `TaskRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def body(self, shape: Shape) -> nn.Module:
        """Both networks, the transfer, towers."""
        from shortlist.models.neural.blocks.fields.mlp import Mlp
        from shortlist.models.neural.blocks.scenarios.by_slot import SlotLayer
        from shortlist.models.neural.blocks.tasks.towers import Towers
        from shortlist.models.neural.bodies.causal_int import Body

        c = self.config
        trunk = Mlp(shape.width, c.hidden, dropout=c.dropout, norm=c.batch_norm, logit=False)
        own = SlotLayer(shape.slots, shape.width, trunk.width)
        towers = Towers(3 * trunk.width, c.towers, shape.outputs, shape.slots, dropout=c.dropout, norm=c.batch_norm)
        return Body(shape, trunk, own, towers, trunk.width, c.apart, c.dropout)
