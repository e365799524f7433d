"""SAR-Net: attention to columns, a scale and a shift by the scenario; then shared experts beside those of the scenario.

Paper: Shen et al., "SAR-Net: A Scenario-Aware Ranking Network for Personalized Fair Recommendation in Hundreds of
Travel Scenarios", CIKM 2021. There the attention is over past behaviour, and a coefficient counters promotion on the
home page; here it is over columns, and there is no coefficient.
Cost: shared_experts networks, scenario_experts of each scenario to keep, a tower per task and scenario.
When not: with two or three scenarios of many rows; `star` has fewer parts.
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
    """Settings of `SarNet`."""

    shared_experts: int = Setting(default=2, ge=1, le=32)
    """Networks of all scenarios."""
    scenario_experts: int = Setting(default=1, ge=1, le=16)
    """Networks of each scenario, of one layer."""
    hide_experts: float = Setting(default=0.1, ge=0, lt=1)
    """Chance that an expert is hidden from a row while training."""


class SarNet(ScenarioRanker):
    """Features turned by the scenario, shared experts and its own. Learned: see `TaskRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def body(self, shape: Shape) -> nn.Module:
        """Transformation, experts, gates, towers."""
        from shortlist.models.neural.blocks.scenarios.by_slot import SlotLayer
        from shortlist.models.neural.blocks.tasks.gates import Gates
        from shortlist.models.neural.blocks.tasks.parallel import Parallel
        from shortlist.models.neural.blocks.tasks.towers import Towers
        from shortlist.models.neural.bodies.sar_net import Body

        c = self.config
        shared = Parallel(c.shared_experts, shape.width, c.hidden, dropout=c.dropout, norm=c.batch_norm)
        own = SlotLayer(shape.slots, shape.width, c.scenario_experts * shared.width)
        gates = Gates(
            shape.width, shape.slots * shape.outputs, c.shared_experts + c.scenario_experts, hide=c.hide_experts
        )
        towers = Towers(shared.width, c.towers, shape.outputs, shape.slots, dropout=c.dropout, norm=c.batch_norm)
        return Body(shape, self.place(shape), shared, own, gates, towers, c.dropout)
