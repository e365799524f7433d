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


def refuse_dense(n_items: int, *, max_gb: float, instead: Sequence[str], bytes_per_cell: int = 4) -> None:
    """Stop before a dense item-item matrix exhausts memory.

    Args:
        n_items: M.
        max_gb: the memory budget in 10^9 bytes, a model's setting `max_memory_gb`.
        instead: models that scale.
        bytes_per_cell: of everything that is held at once, per pair of items.

    Raises:
        TooLarge: M^2 cells are above the budget; names the need, the budget and the models that scale.
    """
    need = bytes_per_cell * n_items**2 / 1e9
    if need > max_gb:
        raise TooLarge(
            f"A dense {n_items} x {n_items} item matrix needs {need:.3g} GB, above the budget of {max_gb:.3g} GB.",
            hint=f"Use {' or '.join(instead)}, or raise max_memory_gb if the memory is there.",
            field="max_memory_gb",
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


WHOLE = 8192
"""Largest matrix that is factored whole; larger ones go in blocks."""
PIVOT = 1024
"""Rows of a block."""


def inverse_spd(matrix: Array) -> Floats:
    """Inverse of a symmetric positive definite matrix by Cholesky, in its own precision and in place.

    Args:
        matrix: float32 or float64 [M, M], C-ordered; overwritten.

    Raises:
        StageError: the matrix is not positive definite.
    """
    # A factorisation of 41,000 rows ends some builds of OpenBLAS; products of blocks do not, and cost as much.
    inverse = _inverse_whole(matrix) if len(matrix) <= WHOLE else _inverse_in_blocks(matrix)
    mirror_upper(inverse)
    return inverse


def _inverse_whole(matrix: Array) -> Floats:
    """The inverse in the upper triangle."""
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
    return np.ascontiguousarray(lower.T)


def _inverse_in_blocks(matrix: Array) -> Floats:
    """The inverse in the upper triangle, by the symmetric sweep operator: a block of rows at a time is solved for.

    After Goodnight, "A Tutorial on the SWEEP Operator", The American Statistician 1979. M^3 flops, nearly all of them
    in products of PIVOT rows; two panels of M x PIVOT beside the matrix.
    """
    n = len(matrix)
    for start in range(0, n, PIVOT):
        stop = min(start + PIVOT, n)
        pivot = _inverse_whole(matrix[start:stop, start:stop].astype(np.float64))
        mirror_upper(pivot)
        panel = np.zeros((n, stop - start), matrix.dtype)
        panel[:start] = matrix[:start, start:stop]
        panel[stop:] = matrix[start:stop, stop:].T
        solved = panel @ pivot.astype(matrix.dtype)
        for top in range(0, n, PIVOT):
            if top != start:
                matrix[top : top + PIVOT, top:] -= solved[top : top + PIVOT] @ panel[top:].T
        matrix[:start, start:stop] = solved[:start]
        matrix[start:stop, stop:] = solved[stop:].T
        matrix[start:stop, start:stop] = -pivot
    np.negative(matrix, out=matrix)
    return matrix


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
