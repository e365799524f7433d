"""One weight per code: the sum of all fields' weights. Cost: F additions."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from shortlist.models.neural.embeddings import FieldEmbedding
from shortlist.models.neural.fields import Schema


class Linear(nn.Module):
    """Logistic regression over encoded columns; reads columns and not vectors."""

    def __init__(self, schema: Schema, scale: float = 0.0) -> None:
        super().__init__()
        self.weights = FieldEmbedding(schema, 1, scale=scale)

    def forward(self, columns: Mapping[str, Tensor]) -> Tensor:
        """Columns as `Schema.encode` gives them, to [B]."""
        return self.of({field.name: columns[field.name] for field in self.weights.fields})

    def of(self, columns: Mapping[str, Tensor]) -> Tensor:
        """The part of some of the columns, [B]."""
        y: Tensor = self.weights.some(columns).sum((1, 2))
        return y
