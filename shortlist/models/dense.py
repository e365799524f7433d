"""Dense algebra that several models share: a memory guard, an inverse, and row products that ignore the batch.

Numbers that decide an order come from `dot_rows`, which works out each pair by itself in float64; a BLAS product gives
a pair other last digits when its neighbours in the batch change. Cost: `inverse_spd` M^3 flops in place;
`dot_rows` 2*B*M*D flops on one core.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from shortlist.core.errors import StageError, TooLarge
from shortlist.core.types import Array, Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def refuse_dense(n_items: int, *, limit: int, instead: Sequence[str]) -> None:
    """Stop before a dense item-item matrix exhausts memory.

    Raises:
        TooLarge: `n_items` is above `limit`; names the models that scale.
    """
    if n_items > limit:
        gigabytes = 4 * n_items**2 / 1e9
        raise TooLarge(
            f"A dense {n_items} x {n_items} item matrix ({gigabytes:.1f} GB) is above the limit of {limit} items.",
            hint=f"Use {' or '.join(instead)}, or raise max_items if the memory is there.",
            field="max_items",
        )


def gram_of(x: csr_array) -> Floats:
    """float32[M, M], x'x of CSR [U, M], a slab at a time, so that no second matrix of that size is ever held."""
    n_items = x.shape[1]
    transposed = x.T.tocsr()
    gram = np.empty((n_items, n_items), np.float32)
    slab = max(1, 4_000_000 // max(1, n_items))
    for start in range(0, n_items, slab):
        gram[start : start + slab] = (transposed[start : start + slab] @ x).toarray()
    return gram


def inverse_spd(matrix: Array) -> Floats:
    """Inverse of a symmetric positive definite matrix by Cholesky, in its own precision.

    Args:
        matrix: float32 or float64 [M, M]; overwritten.

    Raises:
        StageError: the matrix is not positive definite.
    """
    from scipy.linalg.lapack import get_lapack_funcs

    factor, invert = get_lapack_funcs(("potrf", "potri"), (matrix,))
    # The transpose of a C-ordered symmetric matrix is itself in Fortran order: no copy is made.
    lower, failed = factor(matrix.T, lower=1, overwrite_a=1, clean=0)
    if not failed:
        lower, failed = invert(lower, lower=1, overwrite_c=1)
    if failed:
        raise StageError(
            "The item-item matrix is not positive definite.", hint="Raise the regularisation of the model."
        )
    # potri fills one triangle only; in C order that is the upper one.
    inverse: Floats = np.ascontiguousarray(lower.T)
    mirror_upper(inverse)
    return inverse


@njit(cache=True, nogil=True)
def mirror_upper(matrix: Array) -> None:
    """Copy the upper triangle onto the lower one, in tiles that stay in cache."""
    n = matrix.shape[0]
    tile = 64
    for top in range(0, n, tile):
        for left in range(0, top + tile, tile):
            for i in range(top, min(top + tile, n)):
                for j in range(left, min(left + tile, i)):
                    matrix[i, j] = matrix[j, i]


# Reassociation lets one pair's sum run in vector lanes; the lanes depend on D alone, so a pair's result never depends
# on other pairs. One function for all loops over pairs: they must agree to the last digit.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def dot(left: Array, b: int, right: Array, j: int) -> float:
    """Inner product of left[b] float64[D] and right[j] float32[D], in float64."""
    total = 0.0
    for f in range(left.shape[1]):
        total += left[b, f] * right[j, f]
    return total


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def dot_rows(left: Array, right: Array, out: Array) -> None:
    """Every pair's inner product: left float64[B, D], right float32[M, D] -> out float32[B, M]."""
    for b in range(left.shape[0]):
        for j in range(right.shape[0]):
            out[b, j] = dot(left, b, right, j)


def row_products(left: Floats, right: Floats, known: Array, row: Array, item: Array) -> Floats:
    """float32[N], what `dot_rows` gives for the pairs (row, item), to the bit; NaN where either has no vector.

    Args:
        left: float64[B, D], zero = none.
        right: float32[M, D].
        known: bool[M].
        row: int[N].
        item: int[N]; those outside the catalogue have none.
    """
    out = np.full(len(item), np.nan, np.float32)
    inside = (item >= 0) & (item < len(right))
    has: Array = np.asarray(left.any(axis=1))
    able = inside & known[np.where(inside, item, 0)] & has[row]
    product = np.empty(np.count_nonzero(able), np.float32)
    _dot_pairs(left, right, row[able], item[able], product)
    out[able] = product
    return out


@njit(cache=True, nogil=True)
def sum_rows(offsets: Array, item: Array, weights: Array, out: Array) -> None:
    """Sum of the given rows per request: weights float32[M, M] -> out float32[B, M], in float64 and event order."""
    n_items = weights.shape[1]
    total = np.empty(n_items, np.float64)
    for b in range(len(offsets) - 1):
        total[:] = 0.0
        for t in range(offsets[b], offsets[b + 1]):
            row = weights[item[t]]
            for j in range(n_items):
                total[j] += row[j]
        for j in range(n_items):
            out[b, j] = total[j]


@njit(cache=True, nogil=True)
def add_rows(offsets: Array, item: Array, table: Array, out: Array) -> None:
    """Add to each row of out float64[B, D] the rows of float32[M, D] that its items name, in event order."""
    for b in range(len(offsets) - 1):
        mine = out[b]
        for t in range(offsets[b], offsets[b + 1]):
            row = table[item[t]]
            for f in range(len(mine)):
                mine[f] += row[f]


def cosine_rows(vectors: Floats, items: Array) -> Floats:
    """float32[n, M], cosine of the given rows with all rows; NaN where either is zero or the id is out of range."""
    length = np.sqrt(np.einsum("md,md->m", vectors, vectors, dtype=np.float64))
    known = (items >= 0) & (items < len(vectors))
    safe = np.where(known, items, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = vectors[safe] / length[safe, None]
        out = np.empty((len(items), len(vectors)), np.float32)
        dot_rows(left, vectors, out)
        out /= length.astype(np.float32)
    out[~known] = np.nan
    return out


@njit(cache=True, nogil=True)
def _dot_pairs(left: Array, right: Array, b: Array, j: Array, out: Array) -> None:
    for i in range(len(b)):
        out[i] = dot(left, b[i], right, j[i])
