"""Columns of the item table as codes per token, in the words of the training part. Cost: one pass over the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shortlist.core.errors import BadConfig
from shortlist.core.types import Array, Ints
from shortlist.data.dataset import Dataset
from shortlist.models.neural.fields import FIRST, Schema, fields_of


def content_by_token(
    data: Dataset | None, columns: Sequence[str], token: Ints, n_known: int, order: Ints
) -> tuple[list[dict[str, Any]], dict[str, Array]]:
    """Fitted fields as JSON values, and their codes.

    Args:
        data: with an item table.
        columns: of that table.
        token: int64[M], token of each item.
        n_known: items of the training part, whose tokens come first; the vocabulary is theirs.
        order: int64[M], items in an order that does not depend on their numbers.

    Returns:
        state of a `Schema`, and by field codes [M + 2, ...] per token; padding and unknown are missing.

    Raises:
        BadConfig: there is no item table. SchemaMismatch: it has no such column.
    """
    if data is None or data.item_table is None:
        raise BadConfig("Items have no columns.", hint="Set columns to ().", field="columns")
    by_token = order[np.argsort(token[order], kind="stable")]
    table = data.item_table[by_token.tolist()]
    schema = Schema(fields_of(table, columns)).fit(table[:n_known])
    codes = {}
    for name, values in schema.encode(table).items():
        pad = np.zeros((FIRST, *values.shape[1:]), values.dtype)
        codes[name] = np.concatenate([pad, values])
    return schema.state(), codes
