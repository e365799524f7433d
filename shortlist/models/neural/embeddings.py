"""One vector per field: embedding tables for codes, small projections for numbers and frozen vectors.

Field models (`[B, F, D]` in, one number out) and item encoders read the same module. Several codes of one row are
averaged; padding adds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.fields import PADDING, Schema


def table(rows: int, dim: int, scale: float) -> nn.Embedding:
    """An embedding table whose padding row is zero and stays so; its gradient holds only the rows that were read."""
    out = nn.Embedding(rows, dim, padding_idx=PADDING, sparse=True)
    nn.init.normal_(out.weight, std=scale)
    with torch.no_grad():
        out.weight[PADDING].zero_()
    return out


class FieldEmbedding(nn.Module):
    """Encoded columns to one vector per field.

    Args:
        schema: fitted fields.
        dim: D.
        scale: standard deviation of the start of tables, and of the vectors of standardised numbers.
        dropout: of projected vectors, which overfit small catalogues.
    """

    def __init__(self, schema: Schema, dim: int, *, scale: float = 0.02, dropout: float = 0.0) -> None:
        super().__init__()
        self.fields = schema.fields
        self.dim = dim
        parts: dict[str, nn.Module] = {}
        for field in schema.fields:
            vocab = schema.vocabs[field.name]
            if field.share is not None:
                continue
            if field.is_coded:
                parts[field.name] = table(vocab.size, dim, scale)
            else:
                width = 2 if field.kind == "numeric" else vocab.width
                projection = nn.Linear(width, dim, bias=False)
                if field.kind == "numeric":
                    # As short as the vectors of codes: torch's own start would drown them, most of all in products.
                    nn.init.normal_(projection.weight, std=scale)
                parts[field.name] = nn.Sequential(Dropout(dropout), projection)
        self.parts = nn.ModuleDict(parts)

    def forward(self, columns: Mapping[str, Tensor]) -> Tensor:
        """Columns as `Schema.encode` gives them, each [B, ...]. Returns: [B, F, D]."""
        return self.some({field.name: columns[field.name] for field in self.fields})

    def some(self, columns: Mapping[str, Tensor]) -> Tensor:
        """Vectors of some of the fields, in the order of all: [B, F', D]."""
        names = [field.name for field in self.fields if field.name in columns]
        return torch.stack([self.one(name, columns[name]) for name in names], dim=-2)

    def one(self, name: str, values: Tensor) -> Tensor:
        """The vectors of one field, [B, D]; a zero vector where the value is missing."""
        field = next(field for field in self.fields if field.name == name)
        vectors: Tensor = self.parts[field.share or name](values)
        if field.is_ragged:
            count = (values != PADDING).sum(dim=-1, keepdim=True).clamp(min=1)
            return vectors.sum(dim=-2) / count
        return vectors

    def present(self, columns: Mapping[str, Tensor]) -> Tensor:
        """bool[B, F], whether each field has a value: the missing-value mask of fusions."""
        there = []
        for field in self.fields:
            values = columns[field.name]
            if field.kind == "numeric":
                there.append(values[..., 1] > 0)
            elif field.is_ragged or field.kind == "vector":
                there.append((values != 0).any(dim=-1))
            else:
                there.append(values != PADDING)
        return torch.stack(there, dim=-1)
