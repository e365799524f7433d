"""The network of field models: a bias, weights of single codes, and what a preset makes of the vectors.

Scores come from a copy in double precision, asked in blocks of one size, so that a row's number does not depend on its
company. Cost: what the blocks cost per row; the copy shares the embedding tables.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core.types import Floats
from shortlist.models.neural.blocks.fields.linear import Linear
from shortlist.models.neural.embeddings import FieldEmbedding
from shortlist.models.neural.fields import UNKNOWN, Schema
from shortlist.models.neural.halves import Halves, through

BLOCK = 128
"""Rows that go through the network together when scoring; fewer are filled up."""


class FieldNet(nn.Module):
    """Bias, weights of single codes, and what a preset makes of the vectors.

    Args:
        schema: fitted.
        head: [B, F, D] to [B], or None for no vectors at all.
        dim: D.
        scale: of the start of vectors.
        linear: whether there is one weight per code.
    """

    def __init__(self, schema: Schema, head: nn.Module | None, *, dim: int, scale: float, linear: bool) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))
        self.linear = Linear(schema) if linear else None
        self.vectors = FieldEmbedding(schema, dim, scale=scale) if head is not None else None
        self.head = head
        # Rows teach nothing about codes they do not hold, so the vector of unknown ones must say nothing.
        with torch.no_grad():
            for part in self.modules():
                if isinstance(part, nn.Embedding):
                    part.weight[UNKNOWN].zero_()

    def forward(self, columns: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Returns: logits [B], and the squared length of all vectors read."""
        logit, squares = self.bias, self.bias.new_zeros(())
        if self.linear is not None:
            logit = logit + self.linear(columns)
        if self.vectors is not None and self.head is not None:
            vectors = self.vectors(columns)
            logit, squares = logit + self.head(vectors), vectors.square().sum()
        return logit, squares

    def halves(self, once: Mapping[str, Tensor], own: Mapping[str, Tensor], row: Tensor) -> Tensor:
        """Logits [B] of columns of requests, each [R, ...], and of their candidates, each [B, ...]; see `Halves`.

        Args:
            once: columns that have one value per request.
            own: the others.
            row: int64[B], the request of each candidate.
        """
        logit: Tensor = self.bias
        if self.linear is not None:
            logit = logit + self.linear.of(own) + self.linear.of(once).index_select(0, row)
        if self.vectors is not None and self.head is not None:
            places = {field.name: at for at, field in enumerate(self.vectors.fields)}
            once_at, own_at = (tuple(sorted(places[name] for name in half)) for half in (once, own))
            x = Halves(self.vectors.some(once), self.vectors.some(own), row, once_at, own_at)
            logit = logit + through(self.head, x)
        return logit


class Widened(nn.Module):
    """A table of float32 that hands out float64, and that changing the precision of a network leaves alone."""

    def __init__(self, table: nn.Module) -> None:
        super().__init__()
        self.read = table.__call__

    def forward(self, codes: Tensor) -> Tensor:
        """Codes of any shape."""
        vectors: Tensor = self.read(codes)
        return vectors.double()


def widened(net: nn.Module) -> nn.Module:
    """A copy in double precision; it shares the embedding tables, which only hand out rows."""
    tables = [part for part in net.modules() if isinstance(part, nn.Embedding)]
    return copy.deepcopy(net, {id(part): Widened(part) for part in tables}).double().eval()


def logits_of(net: nn.Module, columns: Mapping[str, Tensor], n: int, heads: tuple[int, ...]) -> Floats:
    """float64[N] or [N, T], logits rounded to float32.

    Args:
        net: as `widened` gives it.
        columns: encoded, N rows each.
        n: N.
        heads: axes of the answer beside that of the rows.
    """
    whole = -(-n // BLOCK) * BLOCK
    out = np.empty((whole, *heads))
    with torch.inference_mode():
        for start in range(0, whole, BLOCK):
            block = {name: _block(values[start : start + BLOCK]) for name, values in columns.items()}
            out[start : start + BLOCK] = net(block)[0].expand(BLOCK, *heads).float().numpy()
    return out[:n]


def _block(values: Tensor) -> Tensor:
    """Rows of a block in double precision where they are numbers, with rows of zeros up to the block's size."""
    wide = values.double() if values.is_floating_point() else values
    return nn.functional.pad(wide, (0, 0) * (values.dim() - 1) + (0, BLOCK - len(values)))
