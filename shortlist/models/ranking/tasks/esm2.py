"""ESM2: between click and purchase lies an action (into the basket, onto the wish list), and there are two ways on.

Chance of a purchase = click * (action * purchase after it + no action * purchase without it), each factor a network of
its own, all taught on everything that was shown. The action is frequent enough to teach what purchases are too rare
for. Tasks are three: click, action (a click with the action), purchase.

Paper: Wen et al., "Entire Space Multi-Task Modeling via Post-Click Behavior Decomposition", SIGIR 2020.
Cost: four networks over shared vectors.
When not: without a label between click and purchase; that is `esmm`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import Floats, Ints
from shortlist.models.ranking.fields.base import log_odds
from shortlist.models.ranking.tasks.base import TaskRanker
from shortlist.models.ranking.tasks.esmm import Esmm

if TYPE_CHECKING:
    from torch import nn


class Esm2(Esmm):
    """Click, action and purchase on two ways. Learned: see `TaskRanker`."""

    contract_settings: ClassVar[dict[str, Any]] = {
        **TaskRanker.contract_settings, "tasks": ("click", "basket", "purchase"),
    }  # fmt: skip
    least_tasks: ClassVar[int] = 3

    def learn_rows(self, x: Floats, label: Floats, group: Ints, ctx: FitContext) -> None:
        """See `TaskRanker`. Raises: BadConfig unless there are three tasks."""
        if len(self.tasks) > self.least_tasks:
            raise BadConfig(
                f"Esm2 has three tasks, not {len(self.tasks)}.", hint="Name click, action, purchase.", field="tasks"
            )
        super().learn_rows(x, label, group, ctx)

    def outputs(self) -> int:
        """Click, action, purchase with and without it."""
        return 4

    def finish(self) -> nn.Module:
        """Both ways added up."""
        from shortlist.models.neural.blocks.tasks.funnel import TwoWays

        return TwoWays()

    def start_odds(self, label: Floats) -> Floats:
        """Of each factor among the rows that it speaks of."""
        click, action, purchase = label.T
        clicked, did = click > 0.5, action > 0.5
        return np.array(
            [log_odds(click), log_odds(action[clicked]), log_odds(purchase[did]), log_odds(purchase[clicked & ~did])]
        )
