"""Vectors as a column of the item table, where every neural model reads them by the column's name.

`with_text_vectors` makes them from the items' texts, `with_vectors` takes those of the user (pictures, sound, anything)
by item id. Items without a vector hold null: the fusion of an `ItemEncoder` then leaves the channel out.
Cost: what the embedder takes, and 8*d bytes per item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.errors import SchemaMismatch, nearest_hint
from shortlist.core.types import Array, Floats
from shortlist.data.dataset import Dataset
from shortlist.data.text import item_text
from shortlist.models.embedders.cache import VectorCache
from shortlist.models.embedders.whitening import Whitening

if TYPE_CHECKING:
    from shortlist.models.embedders.base import Embedder


def with_text_vectors(
    data: Dataset,
    embedder: Embedder,
    *,
    column: str = "text_vector",
    whiten: int | None = None,
    cache: VectorCache | None = None,
) -> Dataset:
    """The same data with vectors of the items' texts.

    Args:
        data: with an item table; title and body of an item are its text.
        embedder: fitted here on the texts of items with events, if it learns.
        column: where they go.
        whiten: directions kept after whitening; None leaves the vectors as they are.
        cache: so that a text is encoded once.
    """
    texts = item_text(data)
    has = np.bincount(data.interactions.item, minlength=data.n_items) > 0
    if embedder.learns:
        embedder.fit([text for text, events in zip(texts, has, strict=True) if events])
    vectors = embedder.encode(texts) if cache is None else cache.encode(embedder, texts)
    return _with(data, column, vectors, whiten, has)


def with_vectors(
    data: Dataset, vectors: Mapping[str, Sequence[float] | Array], *, column: str, whiten: int | None = None
) -> Dataset:
    """The same data with the user's own vectors.

    Args:
        data: whose items they belong to.
        vectors: by external item id; items that are not named have none.
        column: where they go, such as "image_vector".
        whiten: directions kept after whitening; None leaves the vectors as they are.

    Raises:
        SchemaMismatch: an id that does not exist, vectors of several lengths, or numbers that are not finite.
    """
    place = {name: row for row, name in enumerate(data.items.ids)}
    widths = {len(vector) for vector in vectors.values()}
    if len(widths) > 1:
        raise SchemaMismatch(
            f"Vectors have lengths {sorted(widths)[:3]}.", hint="All need the same length.", field=column
        )
    out = np.zeros((data.n_items, widths.pop() if widths else 0), np.float32)
    for name, vector in vectors.items():
        if name not in place:
            raise SchemaMismatch(f"There is no item '{name}'.", hint=nearest_hint(name, data.items.ids), field=column)
        out[place[name]] = vector
    if not np.isfinite(out).all():
        raise SchemaMismatch("Some vectors hold values that are not finite.", hint="Drop those items.", field=column)
    has = np.bincount(data.interactions.item, minlength=data.n_items) > 0
    return _with(data, column, out, whiten, has)


def _with(data: Dataset, column: str, vectors: Floats, whiten: int | None, has: Array) -> Dataset:
    import polars as pl

    if whiten is not None:
        vectors = Whitening.fit(vectors[has], keep=whiten).apply(vectors)
    rows: list[Any] = [row.tolist() if row.any() else None for row in vectors]
    table = pl.DataFrame({"item_id": data.items.ids}) if data.item_table is None else data.item_table
    added = table.with_columns(pl.Series(column, rows, dtype=pl.List(pl.Float32)))
    return replace(data, item_table=added)
