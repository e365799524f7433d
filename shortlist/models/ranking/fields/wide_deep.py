"""Wide & Deep: weights of single codes remember, a deep network over all vectors generalises; their logits are added.

Paper: Cheng et al., "Wide & Deep Learning for Recommender Systems", DLRS 2016.
Cost: D + 1 numbers per code; F*D*h multiply-adds for the first layer.
When not: `deepfm` adds pairs at no cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldRanker

if TYPE_CHECKING:
    from torch import nn


class WideDeep(FieldRanker):
    """Weights of single codes beside a deep network. Learned: see `FieldRanker`."""

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """The deep half."""
        from shortlist.models.neural.blocks.fields.mlp import Mlp

        c, width = self.config, len(fields) * self.config.factors
        return Mlp(width, c.hidden, dropout=c.dropout, norm=c.batch_norm)
