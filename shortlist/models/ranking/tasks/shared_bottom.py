"""Shared bottom: one network reads the row for all tasks, a small tower per task reads what it found.

The twin that every other model of several tasks has to beat; with scenarios, a tower per task and scenario.

Paper: Caruana, "Multitask Learning", Machine Learning 1997.
Cost: one network and T towers.
When not: where tasks pull against each other; `mmoe` and `ple` give them room.
"""

from __future__ import annotations

from torch import Tensor, nn

from shortlist.models.neural.blocks.fields.mlp import Mlp
from shortlist.models.neural.blocks.tasks.towers import Towers
from shortlist.models.ranking.tasks.base import Shape, TaskRanker


class SharedBottom(TaskRanker):
    """One network for all tasks, a tower for each. Learned: see `TaskRanker`."""

    def body(self, shape: Shape) -> nn.Module:
        """Trunk and towers."""
        c = self.config
        trunk = Mlp(shape.width, c.hidden, dropout=c.dropout, norm=c.batch_norm, logit=False)
        towers = Towers(trunk.width, c.towers, shape.outputs, shape.slots, dropout=c.dropout, norm=c.batch_norm)
        return _Body(trunk, towers)


class _Body(nn.Module):
    def __init__(self, trunk: nn.Module, towers: nn.Module) -> None:
        super().__init__()
        self.trunk, self.towers = trunk, towers

    def forward(self, vectors: Tensor, slot: Tensor | None) -> Tensor:
        y: Tensor = self.towers(self.trunk(vectors), slot)
        return y
