"""A warm start: item vectors that already know which items go together, before the first step.

The leading singular vectors of the interactions (each event divided by the roots of its user's and its item's counts)
take a second or two and save many passes on sparse catalogues, where an item is met a dozen times per pass.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from shortlist.core.types import Floats, Ints


def directions(user: Ints, item: Ints, n_users: int, n_items: int, rank: int, *, damped: bool = False) -> Floats:
    """float64[n_items, k], right singular vectors times their values, the largest first; k <= rank, maybe 0.

    Args:
        user: int64[E], `item` int64[E]: who did what; repeats count once.
        item: see above.
        n_users: rows.
        n_items: columns.
        rank: most vectors.
        damped: whether events are divided by the roots of both counts, so that popularity does not lead.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import svds

    x = csr_array((np.ones(len(item)), (user, item)), shape=(n_users, n_items))
    x.sum_duplicates()
    x.data[:] = 1.0
    if damped:
        row = np.repeat(np.arange(n_users), np.diff(x.indptr))
        own, its = np.diff(x.indptr), np.bincount(x.indices, minlength=n_items)
        x.data /= np.sqrt(own[row] * its[x.indices])
    k = min(rank, min(x.shape) - 1)
    if k < 1:
        return np.zeros((n_items, 0))
    # A fixed start makes the decomposition repeat itself.
    _, values, right = svds(x, k=k, v0=np.full(min(x.shape), 1.0))
    out: Floats = (right[::-1] * values[::-1, None]).T
    return out


def fill(table: nn.Embedding, vectors: Floats, first: int, scale: float) -> None:
    """Write vectors, brought to a common length, into the rows from `first` on; missing coordinates stay random.

    Args:
        table: with rows of any start.
        vectors: float64[n, k]; rows of zeros stay random too.
        first: row of the first vector.
        scale: standard deviation the coordinates get.
    """
    length = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    has = length[:, 0] > 0
    scaled = vectors[has] / length[has] * scale * np.sqrt(vectors.shape[1])
    with torch.no_grad():
        rows = torch.from_numpy(first + np.flatnonzero(has))
        table.weight[rows, : vectors.shape[1]] = torch.from_numpy(scaled.astype(np.float32))
