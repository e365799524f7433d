"""A point to start from that belongs to external ids, not to positions: reordering a vocabulary reorders the answer.

Rows are taken in natural order of the ids (numbers by value, then text), and everything random is drawn in that order,
so two datasets with the same ids in any order are fitted by the same numbers. Cost: one sort of the ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from shortlist.core.types import Array, Ints
from shortlist.data.dataset import Dataset
from shortlist.data.vocab import Vocab

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def natural_order(vocab: Vocab) -> Ints:
    """int64[n], positions of the ids in natural order: plain numbers by value first, then the rest as text."""

    def key(position: int) -> tuple[bool, int, str]:
        text = vocab.ids[position]
        number = text.isascii() and text.isdigit() and len(text) <= 18
        return (not number, int(text) if number else 0, text)

    return np.array(sorted(range(len(vocab)), key=key), np.int64)


def natural_matrix(data: Dataset, weight: str) -> tuple[csr_array, Ints]:
    """The interaction matrix with users and items in natural order; `natural_rows` is leaner where weights are nothing.

    Returns:
        CSR float32[U, M] with sorted columns, and int64[M], the item of each column.
    """
    items = natural_order(data.items)
    x = data.matrix(weight)[natural_order(data.users)][:, items]
    x.sort_indices()
    return x, items


def natural_rows(data: Dataset) -> tuple[Ints, Ints, Ints]:
    """Who took what, with users and items in natural order: the pattern of `natural_matrix` in half the memory.

    Returns:
        int64[U+1], where each user's items stand; int32[E'], the items of all users, each once, ascending within a
        user; and int64[M], the dense item of each place.
    """
    items = natural_order(data.items)
    user_place, item_place = _inverse(natural_order(data.users)), _inverse(items)
    events = data.interactions
    indptr = np.zeros(data.n_users + 1, np.int64)
    indices = np.empty(len(events), np.int32)
    kept = _rows(events.user, events.item, user_place, item_place, indptr, indices)
    return indptr, indices[:kept], items


def _inverse(order: Ints) -> Ints:
    """The place of each position."""
    out = np.empty_like(order)
    out[order] = np.arange(len(order))
    return out


@njit(cache=True, nogil=True)
def _rows(user: Array, item: Array, user_place: Array, item_place: Array, indptr: Array, indices: Array) -> int:
    """Sort the events by user and item, each pair once; returns how many are left."""
    for e in range(len(user)):
        indptr[user_place[user[e]] + 1] += 1
    for u in range(len(indptr) - 1):
        indptr[u + 1] += indptr[u]
    free = indptr[:-1].copy()
    for e in range(len(user)):
        u = user_place[user[e]]
        indices[free[u]] = item_place[item[e]]
        free[u] += 1
    kept = 0
    start = 0
    for u in range(len(indptr) - 1):
        stop = indptr[u + 1]
        row = np.sort(indices[start:stop])
        for p in range(len(row)):
            if p == 0 or row[p] != row[p - 1]:
                indices[kept] = row[p]
                kept += 1
        start = stop
        indptr[u + 1] = kept
    return kept
