"""Exact answers: the one way in which candidates become hits, and brute force where no structure would do.

Every score is worked out pair by pair in float64 (`kernels.finish`), so an answer never depends on the batch nor on how
its candidates were found. Cost: `finish` 2*D flops per candidate; `exact_hits` 2*M*D per query, at the speed of matrix
products in batches.
"""

from __future__ import annotations

import numpy as np

from shortlist.core.types import Array, Floats, Hits, Ints
from shortlist.index.kernels import finish
from shortlist.index.tiled import tiled_candidates
from shortlist.index.vectors import VectorStore

_BATCH = 8
"""From so many queries on, exact search multiplies matrices."""
_NO_CANDIDATES = np.empty((1, 0), np.int64)


def finished(
    store: VectorStore, queries: Floats, candidates: Ints, tail: int, mask: Array, k: int, *, euclidean: bool
) -> Hits:
    """The best of the candidates.

    Args:
        store: the vectors.
        queries: float32[B, D].
        candidates: int64[B, R] or [1, R] slots, -1 = none, no slot twice in a row and none from `tail` on.
        tail: every slot from here on is a candidate.
        mask: uint8[n_slots], 0 hides.
        k: at most so many.
        euclidean: negative distances instead of inner products.
    """
    n = len(queries)
    if k == 0 or n == 0:
        return no_hits()
    item, score = np.empty((n, k), np.int64), np.empty((n, k))
    found = np.empty(n, np.int64)
    finish(queries, candidates, tail, store.base, store.late, store.ids, mask, euclidean, item, score, found)
    return hits_of(item, score, found)


def exact_hits(store: VectorStore, queries: Floats, mask: Array, k: int, *, euclidean: bool) -> Hits:
    """The exact answer: tiles of matrix products for batches, and one by one what those cannot vouch for."""
    if len(queries) < _BATCH:
        return finished(store, queries, _NO_CANDIDATES, 0, mask, k, euclidean=euclidean)
    candidates, doubt = tiled_candidates(queries, store, mask, k, euclidean=euclidean)
    hits = finished(store, queries, candidates, store.n_slots, mask, k, euclidean=euclidean)
    last = np.full(len(queries), -np.inf)
    last[hits.row] = hits.score
    # Rounded to float32, a score may look larger than it is; one step down errs on the safe side.
    last = np.nextafter(last.astype(np.float32), np.float32(-np.inf)).astype(np.float64)
    if euclidean:
        last = -(last**2)
    short = np.flatnonzero(~(last > doubt))
    if not len(short):
        return hits
    return replaced(hits, short, finished(store, queries[short], _NO_CANDIDATES, 0, mask, k, euclidean=euclidean))


def hits_of(item: Ints, score: Floats, found: Ints) -> Hits:
    """The filled part of a table of answers: `item` int64[B, k], `score` float64[B, k], `found` int64[B]."""
    n, k = item.shape
    if n == 1:
        held = int(found[0])
        return Hits(np.zeros(held, np.int32), item[0, :held], score[0, :held].astype(np.float32))
    filled = np.arange(k) < found[:, None]
    row = np.repeat(np.arange(n, dtype=np.int32), found)
    return Hits(row, item[filled], score[filled].astype(np.float32))


def replaced(hits: Hits, rows: Ints, again: Hits) -> Hits:
    """The hits, with those of some rows taken from another answer about just these rows."""
    keep = ~np.isin(hits.row, rows)
    row = np.concatenate([hits.row[keep], rows[again.row].astype(np.int32)])
    order = np.argsort(row, kind="stable")
    item = np.concatenate([hits.item[keep], again.item])[order]
    return Hits(row[order], item, np.concatenate([hits.score[keep], again.score])[order])


def no_hits() -> Hits:
    """Nothing found."""
    return Hits(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float32))
