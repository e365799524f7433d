"""ESMM: a network for the click and one for the purchase after it; their chances multiply, and all rows teach both.

Purchases are only seen after clicks. A model of them taught on clicked rows alone meets rows it never saw when it
serves; here the product is taught on everything that was shown, and the chance after a click falls out of it. Any
funnel of steps works, the earliest first. Scores are chances of the whole way from the showing to each step;
`conditional` of `tasks.base` divides them, and only clicked rows can judge that.

Paper: Ma et al., "Entire Space Multi-Task Model", SIGIR 2018.
Cost: a network per step over shared vectors.
When not: where the later label can be had without the earlier one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from shortlist.core.types import Floats
from shortlist.models.neural.bodies.shape import Shape
from shortlist.models.ranking.tasks.base import TaskRanker, per_step

if TYPE_CHECKING:
    from torch import nn


class Esmm(TaskRanker):
    """A network per step of a funnel, chances multiplied. Learned: see `TaskRanker`."""

    contract_settings: ClassVar[dict[str, Any]] = {**TaskRanker.contract_settings, "tasks": ("click", "purchase")}
    least_tasks: ClassVar[int] = 2
    is_funnel: ClassVar[bool] = True

    def body(self, shape: Shape) -> nn.Module:
        """Networks that share nothing but the vectors."""
        from shortlist.models.neural.blocks.tasks.parallel import Parallel
        from shortlist.models.neural.blocks.tasks.towers import Towers
        from shortlist.models.neural.bodies.apart import Apart

        c = self.config
        each = Parallel(shape.outputs, shape.width, c.hidden, dropout=c.dropout, norm=c.batch_norm)
        towers = Towers(each.width, c.towers, shape.outputs, shape.slots, dropout=c.dropout, norm=c.batch_norm)
        return Apart(each, towers)

    def finish(self) -> nn.Module:
        """Chances multiply."""
        from shortlist.models.neural.blocks.tasks.funnel import Chain

        return Chain()

    def start_odds(self, label: Floats) -> Floats:
        """Of each step among the rows that reached the one before."""
        return np.array(per_step(label))
