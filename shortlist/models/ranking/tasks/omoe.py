"""OMoE: several experts read the row, and one gate mixes them for all tasks.

What `mmoe` is without gates per task; it shows what those are worth.

Paper: Ma et al., KDD 2018, section 3 (the one-gate model).
Cost: E networks, a gate and T towers.
When not: it is a yardstick; take `mmoe`.
"""

from __future__ import annotations

from typing import ClassVar

from shortlist.models.ranking.tasks.mmoe import Mmoe


class Omoe(Mmoe):
    """Experts and one gate for all, a tower for each task. Learned: see `TaskRanker`."""

    one_gate: ClassVar[bool] = True
