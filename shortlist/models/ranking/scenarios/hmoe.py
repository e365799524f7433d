"""HMoE: experts are shared, each scenario has a gate and a tower, and a row's score mixes the towers of all scenarios.

Tasks of other scenarios are used in the space of labels: what their towers say of a row is weighed by a gate, and only
the row's own tower learns from it.

Paper: Li et al., "Improving Multi-Scenario Learning to Rank in E-commerce by Exploiting Task Relationships in the Label
Space", CIKM 2020.
Cost: E networks, S + 1 gates and towers, all of them for every row.
When not: with many scenarios, where most towers have nothing to say of a row.
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
    """Settings of `HMoe`."""

    experts: int = Setting(default=4, ge=1, le=64)
    """Networks that the scenarios mix."""
    hide_experts: float = Setting(default=0.1, ge=0, lt=1)
    """Chance that an expert is hidden from a row while training."""


class HMoe(ScenarioRanker):
    """Towers of all scenarios, mixed for each row. Learned: see `TaskRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def body(self, shape: Shape) -> nn.Module:
        """Experts, gates of scenarios, towers, and the mixture of what they say."""
        from shortlist.models.neural.blocks.tasks.gates import Gates
        from shortlist.models.neural.blocks.tasks.parallel import Parallel
        from shortlist.models.neural.bodies.hmoe import Body

        c = self.config
        experts = Parallel(c.experts, shape.width, c.hidden, dropout=c.dropout, norm=c.batch_norm)
        gates = Gates(shape.width, shape.slots, c.experts, hide=c.hide_experts)
        n = shape.slots * shape.outputs
        towers = Parallel(n, experts.width, c.towers, dropout=c.dropout, norm=c.batch_norm, logit=True)
        return Body(shape, experts, gates, towers, self.place(shape))
