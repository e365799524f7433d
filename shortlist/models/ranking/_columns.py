"""Columns of a ranker's matrix as field models read them: which are the same for a whole request, and their codes.

No torch here: training, scoring and serving without torch read columns with this one code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from shortlist.core.types import Array, Floats, Ints
from shortlist.models.neural.fields import Schema

FARTHEST = 10.0
"""Standard deviations from the mean beyond which a number does not count as farther."""
BUCKET = "_bucket"
"""End of the name of a field that reads a column's quantile bucket."""


def request_columns(x: Floats, names: Sequence[str], group: Ints) -> list[str]:
    """Names of the columns that had one value within every request; none where no request has two rows.

    Args:
        x: float64[N, F], NaN equals NaN.
        names: of the columns.
        group: int64[N], the request of each row.
    """
    pair = group[1:] == group[:-1]
    if not pair.any():
        return []
    before, after = x[:-1][pair], x[1:][pair]
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    return [name for name, always in zip(names, same.all(axis=0), strict=True) if always]


def column_of(field: str) -> int:
    """Place of the column that a field reads.

    Fields are called after places, since names of columns may hold dots, which names of weights may not.
    """
    return int(field.removesuffix(BUCKET).removeprefix("column"))


def encode_fields(
    schema: Schema, x: Floats, names: Iterable[str] | None = None, rows: Array | None = None
) -> dict[str, Array]:
    """Codes and scaled numbers of float64[N, F], by field, as `FieldVocab.encode` gives them.

    Args:
        schema: fitted, fields called after the columns they read.
        x: the matrix.
        names: which fields; None takes all.
        rows: which rows; None takes all.
    """
    out = {}
    for name in schema.vocabs if names is None else names:
        vocab = schema.vocabs[name]
        values = x[:, column_of(name)] if rows is None else x[rows, column_of(name)]
        if vocab.field.kind == "numeric":
            reach = FARTHEST * vocab.scale
            values = np.clip(values, vocab.centre - reach, vocab.centre + reach)
        out[name] = vocab.encode(values)
    return out
