"""SIM, hard search: of a long past only the events of the candidate's own category are read, and read exactly.

Beside it stands target attention over the latest events. The search key is an item column, from the table that is saved
with the model, so training and serving search alike.
Paper: Pi et al., "Search-based User Interest Modeling with Lifelong Sequential Behavior Data for Click-Through Rate
Prediction", CIKM 2020.
Cost: L comparisons per candidate, and attention over `recent` + `found` events.
When not: without a column that groups items, or where nearly all items share a label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from shortlist.core.errors import BadConfig
from shortlist.models.base import ModelConfig
from shortlist.models.ranking.behaviour.base import BehaviourRanker, LongConfig, dividing

if TYPE_CHECKING:
    from shortlist.models.neural.blocks.behaviour.past import Reader


class Config(LongConfig):
    """Settings of `Sim`."""

    found: int = Setting(default=20, ge=1)
    """Events that the search may find."""
    heads: int = Setting(default=2, ge=1, le=64)
    """Heads of the attention over them; must divide `factors`."""
    searched_column: str | None = None
    """Item column of text, or of lists of text, whose labels are searched for; None takes the first of
    `item_columns`."""


class Sim(BehaviourRanker):
    """The latest events, and those of a long past that share the candidate's label. Learned: see `BehaviourRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config
    faster_in_torch: ClassVar[bool] = True

    def searched(self) -> str | None:
        """The configured column."""
        c = self.config
        if c.searched_column is None and not c.item_columns:
            raise BadConfig("There is no column to search by.", hint="Name one in item_columns.", field="item_columns")
        return str(c.searched_column or c.item_columns[0])

    def reader(self, dim: int) -> Reader | None:
        """Attention over the latest, and over what the search finds."""
        from shortlist.models.neural.blocks.behaviour.attended import Attended
        from shortlist.models.neural.blocks.behaviour.multi_head import MultiHeadTarget
        from shortlist.models.neural.blocks.behaviour.search import SameLabel
        from shortlist.models.neural.blocks.behaviour.two_stage import Both, Found

        c = self.config
        exact = MultiHeadTarget(dim, dividing(c.heads, dim))
        return Both(Attended(dim, last=c.recent), Found(SameLabel(c.found), exact))
