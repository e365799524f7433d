"""How often items meet: counts of all pairs, from the items of users or other places.

Cost: the sum of squared sizes of the places; 12 bytes per pair of items that ever met, twice while parts are joined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from shortlist.core.types import History, Ints, offsets_of
from shortlist.models.parallel import in_ranges
from shortlist.models.retrieval._walk_kernels import count_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_NO_STEPS = np.zeros(1, np.int64)


def pair_counts(
    places: History,
    n_items: int,
    share: Ints,
    *,
    limit: int,
    refuse: Callable[[int], None],
    past: History | None = None,
    steps: Ints = _NO_STEPS,
    threads: int = 1,
    pieces: int = 1,
    cut: Callable[[csr_array], csr_array] | None = None,
) -> csr_array:
    """CSR int64[M, M], columns sorted, diagonal empty.

    Args:
        places: distinct items of each of P places.
        n_items: M.
        share: int64[P], what every ordered pair of different items of a place adds.
        limit: pairs that are too many.
        refuse: called with the number so far if there are more; raises.
        past: the events of each place, where order counts.
        steps: int64[window + 1], what a pair (earlier, later) of events adds by distance; entry 0 is unused.
        threads: cores to use.
        pieces: how many parts to count one after another, each held whole.
        cut: what remains of the rows of a part.
    """
    from scipy.sparse import csr_array, vstack

    past = History.empty(len(places)) if past is None else past
    where, seen = rows_by_item(places, n_items), rows_by_item(past, n_items)
    owner, row = places.row, past.row

    def work(start: int, stop: int) -> csr_array:
        lengths, columns, counts = count_rows(
            start, stop, n_items, *where, owner, places.offsets, places.item, share,
            *seen, row, past.offsets, past.item, steps, limit,
        )  # fmt: skip
        if len(columns) > limit:
            refuse(len(columns))
        part = csr_array((counts, columns, offsets_of(lengths)), shape=(stop - start, n_items))
        part.sort_indices()
        return part if cut is None else cut(part)

    parts = in_ranges(work, n_items, threads=threads, pieces=pieces)
    total = sum(part.nnz for part in parts)
    if total > limit:
        refuse(total)
    return csr_array(vstack(parts, format="csr"))


def rows_by_item(history: History, n_items: int) -> tuple[Ints, Ints]:
    """Where each item occurs: int64[M+1] offsets and the event numbers, ascending within an item."""
    where: Ints = np.argsort(history.item, kind="stable")
    return offsets_of(np.bincount(history.item, minlength=n_items)), where
