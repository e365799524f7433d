"""MMoE: several experts read the row, and each task mixes them by a gate of its own.

Paper: Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts", KDD 2018.
Cost: E networks, T gates and T towers.
When not: with one label, where it is a wide network with extra steps. `report_["gate_entropy"]` near 0 says that a gate
has collapsed onto one expert; raise `hide_experts` then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from shortlist.models.base import ModelConfig
from shortlist.models.neural.bodies.shape import Shape
from shortlist.models.ranking.tasks.base import TaskConfig, TaskRanker

if TYPE_CHECKING:
    from torch import nn


class Config(TaskConfig):
    """Settings of `Mmoe`."""

    experts: int = Setting(default=4, ge=1, le=64)
    """Networks that the gates mix."""
    hide_experts: float = Setting(default=0.1, ge=0, lt=1)
    """Chance that an expert is hidden from a row while training, so that no gate relies on one."""


class Mmoe(TaskRanker):
    """Experts for all, a gate and a tower for each task. Learned: see `TaskRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config
    one_gate: ClassVar[bool] = False
    """Whether all tasks see the same mixture."""

    def body(self, shape: Shape) -> nn.Module:
        """Experts, gates, towers."""
        from shortlist.models.neural.blocks.tasks.gates import Gates
        from shortlist.models.neural.blocks.tasks.parallel import Parallel
        from shortlist.models.neural.blocks.tasks.towers import Towers
        from shortlist.models.neural.bodies.mixture import Mixture

        c = self.config
        experts = Parallel(c.experts, shape.width, c.hidden, dropout=c.dropout, norm=c.batch_norm)
        gated = 1 if self.one_gate else shape.outputs
        gates = Gates(shape.width, gated * shape.slots, c.experts, hide=c.hide_experts)
        towers = Towers(experts.width, c.towers, shape.outputs, shape.slots, dropout=c.dropout, norm=c.batch_norm)
        return Mixture(experts, gates, towers, gated, shape.slots)
