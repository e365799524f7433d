"""How alike two items are, for rerankers: by a model's item vectors, or by what their columns share."""

from __future__ import annotations

from typing import Any

import numpy as np

from shortlist.core.types import Array, Floats, Ints


def by_model(model: Any, items: Ints) -> Floats:
    """float64[n, n], cosine of item vectors in [0, 1]; items without a vector are like no other."""
    vectors = getattr(model, "vectors_", None)
    if vectors is not None and hasattr(vectors, "indptr"):
        known = (items >= 0) & (items < vectors.shape[0])
        taken = vectors[np.where(known, items, 0)]
        product = (taken @ taken.T).toarray()
        product[~known] = 0.0
        product[:, ~known] = 0.0
    else:
        dense = np.asarray(model.encode_items(items), np.float64)
        # einsum adds in one order whatever the shape; a matrix product may not.
        product = np.einsum("id,jd->ij", dense, dense)
    length = np.sqrt(np.diag(product).clip(min=0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = product / np.outer(length, length)
    clipped: Floats = np.clip(np.nan_to_num(cosine, nan=0.0, posinf=0.0, neginf=0.0), 0.0, 1.0)
    return clipped


def by_columns(columns: list[Array]) -> Floats:
    """float64[n, n], mean over columns of the share of labels two rows have in common (of all labels of both)."""
    n = len(columns[0])
    total = np.zeros((n, n))
    for column in columns:
        sets = [_labels(cell) for cell in column.tolist()]
        place = {label: j for j, label in enumerate(sorted({label for one in sets for label in one}, key=repr))}
        marks = np.zeros((n, max(1, len(place))))
        for row, labels in enumerate(sets):
            marks[row, [place[label] for label in labels]] = 1.0
        both = marks @ marks.T
        size = marks.sum(axis=1)
        either = size[:, None] + size[None, :] - both
        total += np.divide(both, either, out=np.zeros((n, n)), where=either > 0)
    return total / len(columns)


def _labels(cell: Any) -> frozenset[Any]:
    if isinstance(cell, tuple):
        return frozenset(cell)
    return frozenset() if cell == "" or cell is None or cell != cell else frozenset([cell])
