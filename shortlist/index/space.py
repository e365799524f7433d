"""From a metric to Euclidean distance: what lets every structure serve cosine, inner products and distances.

Cosine compares unit vectors, whose distance orders as their product does. Inner products get one more coordinate that
makes all stored vectors equally long and is zero in queries; the nearest then has the largest product.

Paper: Bachrach et al., "Speeding Up the Xbox Recommender System Using a Euclidean Transformation for Inner-Product
Spaces", 2014. Cost: one pass over the vectors.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from shortlist.core.types import Floats
from shortlist.index.kernels import unit_rows

Metric = Literal["cosine", "dot", "euclidean"]


def stored_form(matrix: Floats, metric: Metric) -> Floats:
    """float32[n, D]: unit length for cosine (zero stays zero), as it is otherwise."""
    form: Floats = unit_rows(matrix) if metric == "cosine" else matrix
    return form


def longest(vectors: Floats) -> float:
    """The largest length of a row."""
    if not len(vectors):
        return 0.0
    return math.sqrt(float(np.max(np.einsum("md,md->m", vectors, vectors, dtype=np.float64))))


def into_space(stored: Floats, metric: Metric, radius: float) -> Floats:
    """Stored vectors in the Euclidean space: float32[n, D'], where D' is D + 1 for inner products.

    Args:
        stored: float32[n, D].
        metric: of the index.
        radius: length of the longest vector, for inner products.
    """
    if metric != "dot":
        return stored
    squares = np.einsum("md,md->m", stored, stored, dtype=np.float64)
    extra = np.sqrt(np.maximum(radius**2 - squares, 0.0)).astype(np.float32)
    return np.concatenate([stored, extra[:, None]], axis=1)


def ask_space(queries: Floats, metric: Metric) -> Floats:
    """Queries in the space of `into_space`."""
    if metric != "dot":
        return queries
    return np.concatenate([queries, np.zeros((len(queries), 1), np.float32)], axis=1)
