"""DLRM: a network makes one vector of all quantities; inner products of it and the codes' vectors feed a deep network.

Paper: Naumov et al., "Deep Learning Recommendation Model for Personalization and Recommendation Systems", 2019.
Cost: D numbers per code; F*F*D multiply-adds for the products, F*F/2*h for the first layer behind them.
When not: no better than `ipnn` on small data; the layout that large embedding systems are built for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldRanker

if TYPE_CHECKING:
    from torch import nn


class Dlrm(FieldRanker):
    """Quantities as one vector, inner products of all, then deep. Learned: see `FieldRanker`."""

    linear: ClassVar[bool] = False

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Quantities to a vector, products, deep."""
        from shortlist.models.neural.blocks.fields.dot_of_fields import DotOfFields

        c = self.config
        numbers = [at for at, field in enumerate(fields) if field.kind == "numeric"]
        return DotOfFields(len(fields), numbers, c.factors, c.hidden, c.dropout, c.batch_norm)
