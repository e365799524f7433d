"""What items are made of, as sparse vectors: words of their text, or columns of the item table.

Numbers stay as they are, text columns and lists of labels become one place per label, lists of numbers (embeddings)
one place per position. Unknown values are zeros. Cost: 12 bytes per non-zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from shortlist.core.errors import BadConfig, nearest_hint
from shortlist.core.types import Floats
from shortlist.data.dataset import Dataset

if TYPE_CHECKING:
    import polars as pl
    from scipy.sparse import csr_array


def column_vectors(data: Dataset, columns: Sequence[str]) -> tuple[csr_array, list[str]]:
    """CSR float64[M, D] of item columns, and the names of the D places.

    Args:
        data: with an item table.
        columns: names, in order; none means every numeric column.

    Raises:
        BadConfig: there is no item table, no such column, or nothing numeric to take.
    """
    from scipy.sparse import csr_array, hstack

    table = data.item_table
    if table is None:
        raise BadConfig(
            f"'{data.name}' has no item table to take columns from.",
            hint="Load items too, or describe them by text.",
            field="columns",
        )
    if not columns:
        columns = [n for n, t in table.schema.items() if n != "item_id" and (t.is_numeric() or str(t) == "Boolean")]
    if not columns:
        raise BadConfig("The item table has no numeric column.", hint="Name the columns to use.", field="columns")
    parts: list[csr_array] = []
    names: list[str] = []
    for name in columns:
        if name not in table.columns:
            raise BadConfig(
                f"The item table has no column '{name}'.", hint=nearest_hint(name, table.columns), field="columns"
            )
        block, places = _places(table[name])
        parts.append(csr_array(block))
        names.extend(places)
    out = csr_array(hstack(parts, format="csr"))
    out.eliminate_zeros()
    out.sort_indices()
    return out, names


def _places(column: pl.Series) -> tuple[Floats, list[str]]:
    """float64[M, d] and one name per place."""
    from scipy.sparse import csr_array

    if column.dtype.is_numeric() or str(column.dtype) == "Boolean":
        return _finite([[value] for value in column.to_list()]), [column.name]
    rows = [value if isinstance(value, list) else [value] for value in column.to_list()]
    rows = [[label for label in row if label is not None] for row in rows]
    if any(isinstance(value, float | int) for row in rows for value in row):
        width = max(len(row) for row in rows)
        dense = _finite([row + [None] * (width - len(row)) for row in rows])
        return dense, [f"{column.name}[{j}]" for j in range(width)]
    labels = sorted({str(label) for row in rows for label in row if label != ""})
    place = {label: j for j, label in enumerate(labels)}
    pairs = sorted({(i, place[str(label)]) for i, row in enumerate(rows) for label in row if label != ""})
    at = np.array(pairs, np.int64).reshape(-1, 2)
    sparse = csr_array((np.ones(len(at)), (at[:, 0], at[:, 1])), shape=(len(rows), len(labels)))
    return sparse, [f"{column.name}={label}" for label in labels]


def _finite(rows: Sequence[Sequence[float | None]]) -> Floats:
    dense = np.array([[np.nan if value is None else float(value) for value in row] for row in rows])
    finite: Floats = np.nan_to_num(dense, nan=0.0, posinf=0.0, neginf=0.0)
    return finite
