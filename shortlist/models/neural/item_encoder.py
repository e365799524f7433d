"""The item encoder: one vector per item from its id, its columns, frozen vectors or codes.

The same object reads the input sequence and forms the output softmax, so side information, cold items and compressed
tables work everywhere at once. Items are tokens: 0 padding, 1 unknown, then the items of the training part, then those
without an event there. The latter have no id vector of their own and live from their content alone; `id_dropout`
prepares the network for that by hiding ids at random while training.
Cost: 4*D bytes per item for ids; content is worked out per batch for the items in it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core.types import Array
from shortlist.models.neural.embeddings import FieldEmbedding, table
from shortlist.models.neural.fields import FIRST, UNKNOWN, Schema
from shortlist.models.neural.fusion import FUSIONS


class ItemEncoder(nn.Module):
    """Tokens to vectors.

    Args:
        n_known: items of the training part; tokens 2..n_known+1.
        dim: D.
        scale: standard deviation of the start of the id table.
        n_tokens: all tokens, items without training events included; None = n_known + 2.
        schema: fitted fields of content, with `columns` encoded per token [n_tokens, ...].
        codes: int64[n_tokens, m]; instead of an id table, m small tables of D/m that a code each points into.
        fusion: how channels become one vector, see `fusion.FUSIONS`.
        id_dropout: chance that an item's id is hidden in a training step.
        content_dropout: dropout on frozen vectors before they are projected.
    """

    def __init__(
        self,
        n_known: int,
        dim: int,
        *,
        scale: float = 0.02,
        n_tokens: int | None = None,
        schema: Schema | None = None,
        columns: Mapping[str, Array] | None = None,
        codes: Array | None = None,
        fusion: str = "concat",
        id_dropout: float = 0.0,
        content_dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.dim = dim
        self.n_known = n_known
        self.n_tokens = n_known + FIRST if n_tokens is None else n_tokens
        self.id_dropout = id_dropout
        self.ids: nn.Embedding | None = None
        if codes is None:
            self.ids = table(n_known + FIRST, dim, scale)
        else:
            self.register_buffer("codes", torch.from_numpy(codes))
            size = int(codes.max(initial=0)) + 1
            self.parts = nn.ModuleList(table(size, dim // codes.shape[1], scale) for _ in range(codes.shape[1]))
        self.content: FieldEmbedding | None = None
        if schema is not None and columns is not None and schema.fields:
            self.content = FieldEmbedding(schema, dim, scale=scale, dropout=content_dropout)
            for name, values in columns.items():
                self.register_buffer(f"column_{name}", torch.from_numpy(values))
            self.fuse = FUSIONS[fusion](1 + len(schema.fields), dim)

    @property
    def has_content(self) -> bool:
        """Whether items without training events get a vector of their own."""
        return self.content is not None

    def forward(self, tokens: Tensor) -> Tensor:
        """Vectors of tokens int64[...]. Returns: [..., D]; zero for padding."""
        if self.content is None:
            return self._own(tokens)
        # Each distinct item of the batch once: content costs more than a look-up.
        distinct, place = torch.unique(tokens, return_inverse=True)
        return nn.functional.embedding(place, self._fused(distinct))

    def table(self) -> Tensor:
        """[n_tokens, D], the vectors of all tokens, padding and unknown included; tokens without any are unknown."""
        if self.content is None and self.ids is not None and self.n_tokens == self.n_known + FIRST:
            return self.ids.weight
        every = torch.arange(self.n_tokens, device=next(self.parameters()).device)
        return self._own(every) if self.content is None else self._fused(every)

    def known_table(self) -> Tensor:
        """[n_known, D], the vectors of the items of the training part: the classes of a full softmax."""
        return self.table()[FIRST : FIRST + self.n_known]

    def _own(self, tokens: Tensor) -> Tensor:
        if self.ids is None:
            codes = self.get_buffer("codes")[tokens]
            return torch.cat([part(codes[..., m]) for m, part in enumerate(self.parts)], dim=-1)
        inside = (
            tokens if self.n_tokens == self.n_known + FIRST else tokens.where(tokens < self.n_known + FIRST, UNKNOWN)
        )
        vectors: Tensor = self.ids(inside)
        return vectors

    def _fused(self, tokens: Tensor) -> Tensor:
        assert self.content is not None
        columns = {field.name: self.get_buffer(f"column_{field.name}")[tokens] for field in self.content.fields}
        has_id = (tokens >= FIRST) & (tokens < FIRST + self.n_known)
        if self.training and self.id_dropout > 0:
            has_id = has_id & (torch.rand(tokens.shape, device=tokens.device) >= self.id_dropout)
        own = self._own(torch.where(has_id, tokens, UNKNOWN))
        vectors = torch.cat([own.unsqueeze(-2), self.content(columns)], dim=-2)
        present = torch.cat([has_id.unsqueeze(-1), self.content.present(columns)], dim=-1)
        fused: Tensor = self.fuse(vectors, present)
        return fused * (tokens >= UNKNOWN).unsqueeze(-1)


class FrozenItems(nn.Module):
    """The vectors of a trained encoder as one table, for graphs: worked out in double precision, looked up after that.

    Args:
        items: a trained encoder; its encoded columns are kept, for searches by label.
    """

    vectors: Tensor

    def __init__(self, items: ItemEncoder) -> None:
        super().__init__()
        self.dim, self.n_known = items.dim, items.n_known
        with torch.no_grad():
            exact = copy.deepcopy(items).double().eval().table()
        self.register_buffer("vectors", exact.float().detach().clone())
        for name, values in items.named_buffers(recurse=False):
            if name.startswith("column_"):
                self.register_buffer(name, values)

    def forward(self, tokens: Tensor) -> Tensor:
        """Vectors of tokens int64[...]. Returns: [..., D]."""
        return nn.functional.embedding(tokens, self.vectors)


def tokens_of(events: Array, order: Array) -> tuple[Array, int]:
    """The token of each item: first those with training events, then the rest, both in the given order.

    Args:
        events: int64[M], training events per item.
        order: int64[M], items in an order that does not depend on their numbers.

    Returns:
        int64[M] tokens, and how many items have events.
    """
    has = events[order] > 0
    token = np.empty(len(order), np.int64)
    token[order[has]] = FIRST + np.arange(has.sum())
    token[order[~has]] = FIRST + has.sum() + np.arange((~has).sum())
    return token, int(has.sum())
