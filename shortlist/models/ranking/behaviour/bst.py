"""BST: a transformer over the past with the candidate at its end.

Events are dated by how long ago they were. The deep network gets the candidate's state and the mean of the events'; the
paper's concatenation of all states would tie it to one length.
Paper: Chen et al., "Behavior Sequence Transformer for E-commerce Recommendation in Alibaba", DLP-KDD 2019.
Cost: 12*D^2 + 2*L*D multiply-adds per event and layer, per candidate.
When not: with hundreds of candidates per request; `din` does a quarter of the work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from shortlist.models.base import ModelConfig
from shortlist.models.ranking.behaviour.base import BehaviourConfig, BehaviourRanker, dividing

if TYPE_CHECKING:
    from shortlist.models.neural.blocks.behaviour.past import Reader


class Config(BehaviourConfig):
    """Settings of `Bst`."""

    layers: int = Setting(default=1, ge=1, le=16)
    """Transformer layers."""
    heads: int = Setting(default=2, ge=1, le=64)
    """Heads per layer; must divide `factors`."""


class Bst(BehaviourRanker):
    """Past and candidate in one transformer. Learned: see `BehaviourRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def reader(self, dim: int) -> Reader | None:
        """The transformer."""
        from shortlist.models.neural.blocks.behaviour.transformer import PastTransformer

        c = self.config
        return PastTransformer(dim, layers=c.layers, heads=dividing(c.heads, dim), dropout=c.dropout)
