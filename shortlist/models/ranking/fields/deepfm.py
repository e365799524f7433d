"""DeepFM: a factorisation machine and a deep network read the same vectors; their logits are added.

Paper: Guo et al., "DeepFM", IJCAI 2017.
Cost: D + 1 numbers per code; F*D*h multiply-adds for the first deep layer.
When not: with few rows, where `fm` is as good and a third of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldRanker

if TYPE_CHECKING:
    from torch import nn


class DeepFm(FieldRanker):
    """Pairs and a deep network over the same vectors, the usual first choice. Learned: see `FieldRanker`."""

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Pairs beside the deep network."""
        from shortlist.models.neural.blocks.fields.fm import Fm
        from shortlist.models.neural.blocks.fields.mlp import Mlp
        from shortlist.models.neural.blocks.fields.shapes import Together

        c, width = self.config, len(fields) * self.config.factors
        return Together([Fm(), Mlp(width, c.hidden, dropout=c.dropout, norm=c.batch_norm)])
