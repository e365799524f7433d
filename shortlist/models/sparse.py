"""Histories and neighbour lists as sparse rows: the kernels that the count models share.

A row of a sparse product depends on nothing but its own row, so a request alone gets bit for bit what it gets inside a
batch. Scores are accumulated in float64: a tie in exact arithmetic should not be broken by rounding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shortlist.core.types import Array, Floats, History, Ints

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def weighted_matrix(history: History, n_items: int, weight: Floats) -> csr_array:
    """CSR float64[B, M] of the weights of what each request did, summed over repeats; columns sorted.

    Args:
        history: of B requests, items within 0..M-1 only (see `history.within`).
        n_items: M.
        weight: float64[T], one per event.
    """
    from scipy.sparse import csr_array

    # copied: merging repeats below works in place
    parts = (weight.astype(np.float64), history.item, history.offsets)
    out = csr_array(parts, shape=(len(history), n_items), copy=True)
    out.sum_duplicates()
    return out


def evidence_block(matrix: csr_array) -> Floats:
    """float64[B, M] with NaN wherever the sparse matrix stores nothing."""
    out = np.full(matrix.shape, np.nan)
    out[row_of(matrix), matrix.indices] = matrix.data
    return out


def row_of(matrix: csr_array) -> Ints:
    """int64[nnz], the row of each stored value."""
    return np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))


def csr_like(matrix: csr_array, data: Floats) -> csr_array:
    """The same places with other values."""
    from scipy.sparse import csr_array

    return csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def wider(matrix: csr_array, rows: int, columns: int) -> csr_array:
    """The same matrix with empty rows and columns behind."""
    from scipy.sparse import csr_array

    indptr = np.r_[matrix.indptr, np.full(rows + 1 - len(matrix.indptr), matrix.indptr[-1])]
    return csr_array((matrix.data, matrix.indices, indptr), shape=(rows, columns))


def keep_stored(matrix: csr_array, mask: Array) -> csr_array:
    """The matrix with only the stored values chosen by bool[nnz]."""
    from scipy.sparse import csr_array

    indptr = np.r_[0, np.cumsum(mask)][matrix.indptr]
    return csr_array((matrix.data[mask], matrix.indices[mask], indptr), shape=matrix.shape)


def best_per_row(matrix: csr_array, k: int) -> csr_array:
    """Each row cut to its `k` largest stored values; of equal ones at the cut the smaller column stays."""
    if len(matrix.indptr) < 2 or np.diff(matrix.indptr).max() <= k:
        return matrix
    matrix.sort_indices()
    mask = np.ones(matrix.nnz, bool)
    for start, stop in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        if stop - start <= k:
            continue
        values = matrix.data[start:stop]
        least = np.partition(values, len(values) - k)[len(values) - k]
        above = values > least
        tied = np.flatnonzero(values == least)
        above[tied[: k - int(above.sum())]] = True
        mask[start:stop] = above
    return keep_stored(matrix, mask)
