"""Which items are about the same: what counter models borrow from where they have counted little.

An item is its words by TF-IDF, or the labels of some columns weighed alike; its nearest by cosine speak for it.
Cost: one product of the sparse vectors with themselves, row by row, never as a whole; 12 bytes per kept pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from shortlist.core.types import Array, History
from shortlist.data.text import item_text
from shortlist.models.item_vectors import column_vectors
from shortlist.models.sparse import csr_like
from shortlist.models.sums import best_sums
from shortlist.models.words import WordVectors, unit_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from shortlist.data.dataset import Dataset


def alike_items(data: Dataset, columns: Sequence[str], k: int, *, threads: int = 1) -> csr_array:
    """CSR float64[M, M]: row j holds the `k` items most like j; rows sum to one, or are empty without description.

    Args:
        data: with text, or an item table with the columns.
        columns: of labels; none reads the items' text.
        k: items per row.
        threads: cores.

    Raises:
        BadConfig: a column does not exist.
    """
    from scipy.sparse import csr_array

    if columns:
        places, _ = column_vectors(data, columns)
        df = np.bincount(places.indices, minlength=places.shape[1])
        idf = np.log((1.0 + data.n_items) / (1.0 + df)) + 1.0
        vectors = unit_rows(csr_like(places, places.data * idf[places.indices]))
    else:
        texts = item_text(data)
        vectors = WordVectors.fit(texts).transform(texts)
    n = data.n_items
    itself = History(np.arange(n), np.zeros(n), np.arange(n + 1))
    item, score, found = best_sums(vectors, csr_array(vectors.T.tocsr()), k, exclude=itself, threads=threads)
    filled = np.arange(item.shape[1]) < found[:, None]
    offsets = np.r_[0, np.cumsum(filled.sum(axis=1))]
    alike = csr_array((score[filled].astype(np.float64), item[filled], offsets), shape=(n, n))
    total = np.repeat(np.asarray(alike.sum(axis=1)).ravel(), np.diff(offsets))
    return csr_like(alike, alike.data / np.where(total > 0, total, 1.0))


@njit(cache=True, nogil=True)
def borrow(block: Array, weight: Array, indptr: Array, indices: Array, share: Array) -> None:
    """Add to each cell of block float32[B, M] weight[j] times the mean of the cells of the items like j, in place."""
    n = len(indptr) - 1
    before = np.zeros(block.shape[1])
    for b in range(block.shape[0]):
        for j in range(block.shape[1]):
            before[j] = block[b, j] if block[b, j] > 0 else 0.0
        for j in range(n):
            added = 0.0
            for p in range(indptr[j], indptr[j + 1]):
                added += share[p] * before[indices[p]]
            if added > 0 and weight[j] > 0:
                block[b, j] = before[j] + weight[j] * added
