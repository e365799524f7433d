"""k-means for coarse lists: Lloyd's steps on a sample, products by BLAS, sums by a compiled loop.

Good enough lists matter, optimal ones do not: a few sweeps over some dozens of points per centre. Centres that lose all
their points move onto points of the largest cluster.

Paper: Lloyd, "Least squares quantization in PCM", 1982. Cost: 2*n*C*D flops per sweep.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from shortlist.core.types import Array, Floats, Ints

_CELLS = 2_000_000
"""Cells of one block of products: 8 MB."""


def centres_of(points: Floats, n_centres: int, *, sweeps: int, seed: int) -> Floats:
    """float32[C, D], cluster centres.

    Args:
        points: float32[n, D].
        n_centres: C, cut to n.
        sweeps: Lloyd steps.
        seed: which points the centres start from.
    """
    rng = np.random.default_rng(seed)
    n_centres = min(n_centres, len(points))
    centres = points[np.sort(rng.permutation(len(points))[:n_centres])].copy()
    for _ in range(sweeps):
        nearest = nearest_centre(points, centres)
        size = np.bincount(nearest, minlength=n_centres)
        totals = np.zeros((n_centres, points.shape[1]), np.float64)
        _add_rows(points, nearest, totals)
        filled = size > 0
        centres[filled] = totals[filled] / size[filled, None]
        empty = np.flatnonzero(~filled)
        if len(empty):
            crowded = np.flatnonzero(nearest == np.argmax(size))
            centres[empty] = points[rng.choice(crowded, len(empty), replace=len(crowded) < len(empty))]
    return centres


def nearest_centre(points: Floats, centres: Floats) -> Ints:
    """int64[n], the centre at the smallest distance; of equals the first."""
    half = 0.5 * np.einsum("cd,cd->c", centres, centres)
    out = np.empty(len(points), np.int64)
    step = max(1, _CELLS // max(1, len(centres)))
    for start in range(0, len(points), step):
        product = points[start : start + step] @ centres.T
        product -= half
        out[start : start + step] = np.argmax(product, axis=1)
    return out


@njit(cache=True, nogil=True)
def _add_rows(points: Array, group: Array, totals: Array) -> None:
    for i in range(points.shape[0]):
        for f in range(points.shape[1]):
            totals[group[i], f] += points[i, f]
