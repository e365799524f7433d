"""A point to start from that belongs to external ids, not to positions: reordering a vocabulary reorders the answer.

Rows are taken in natural order of the ids (numbers by value, then text), and everything random is drawn in that order,
so two datasets with the same ids in any order are fitted by the same numbers. Cost: one sort of the ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shortlist.core.types import Ints
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
    """The interaction matrix with users and items in natural order.

    Returns:
        CSR float32[U, M] with sorted columns, and int64[M], the item of each column.
    """
    items = natural_order(data.items)
    x = data.matrix(weight)[natural_order(data.users)][:, items]
    x.sort_indices()
    return x, items
