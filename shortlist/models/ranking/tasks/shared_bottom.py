"""Shared bottom: one network reads the row for all tasks, a small tower per task reads what it found.

The twin that every other model of several tasks has to beat; with scenarios, a tower per task and scenario.

Paper: Caruana, "Multitask Learning", Machine Learning 1997.
Cost: one network and T towers.
When not: where tasks pull against each other; `mmoe` and `ple` give them room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shortlist.models.neural.bodies.shape import Shape
from shortlist.models.ranking.tasks.base import TaskRanker

if TYPE_CHECKING:
    from torch import nn


class SharedBottom(TaskRanker):
    """One network for all tasks, a tower for each. Learned: see `TaskRanker`."""

    def body(self, shape: Shape) -> nn.Module:
        """Trunk and towers."""
        from shortlist.models.neural.blocks.fields.mlp import Mlp
        from shortlist.models.neural.blocks.tasks.towers import Towers
        from shortlist.models.neural.bodies.shared_bottom import Body

        c = self.config
        trunk = Mlp(shape.width, c.hidden, dropout=c.dropout, norm=c.batch_norm, logit=False)
        towers = Towers(trunk.width, c.towers, shape.outputs, shape.slots, dropout=c.dropout, norm=c.batch_norm)
        return Body(trunk, towers)
