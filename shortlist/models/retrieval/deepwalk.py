"""DeepWalk: vectors of items from random walks on the graph of what follows what.

Sessions become a graph, directed if asked for, whose links count how often one item came right after another; walks
follow its links by their weight and are read like sessions by skip-gram. Walks mix sessions of many users, so items
that never met can come close. With p and q away from 1 the walks are those of node2vec: low p turns back, low q goes
far. Where the order of events matters more than likeness, `trails` is better.

Papers: Perozzi, Al-Rfou, Skiena, "DeepWalk", KDD 2014; Grover and Leskovec, "node2vec", KDD 2016.
Defaults: direction, walks, epochs and decay were chosen on the validation events of MovieLens 100K: undirected walks
beat directed ones at equal effort, half the walks or two epochs lose a fifth and more, and ten epochs or no cut at
pauses bring no clear gain. No other setting was searched there.
Cost: walks * M * walk_length steps, then that of `item2vec` on them. Not for data without repeated items.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numba import njit
from pydantic import Field, PositiveFloat

from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, History, Ints
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.retrieval._sampling import has
from shortlist.models.retrieval._skipgram import SkipGramConfig, SkipGramModel, _share, sessions


class Config(SkipGramConfig):
    """Settings of `DeepWalk`."""

    session_gap_s: PositiveFloat | None = 3600.0
    """A longer pause in seconds (or in the data's own clock) ends a session: no link across it; None never does."""
    directed: bool = False
    """Whether walks may only go forward in time; either way a walk ends where no link leads on."""
    walks: int = Field(default=20, ge=1)
    """Walks from each item."""
    walk_length: int = Field(default=40, ge=2)
    """Items of a walk."""
    p: PositiveFloat = 1.0
    """A step back to where the walk came from is weighted by 1 / p."""
    q: PositiveFloat = 1.0
    """A step to an item that is not linked to where the walk came from is weighted by 1 / q."""
    window: int = Field(default=5, ge=1)
    """Most places between two items of a walk that predict each other; each place draws its own reach up to it."""
    epochs: int = Field(default=5, ge=1)
    """Passes over all walks."""


class DeepWalk(SkipGramModel):
    """Skip-gram over random walks.

    Learned: see `SkipGramModel`.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def sequences(self, data: Dataset, past: History, ctx: FitContext) -> tuple[Ints, Ints]:
        """Walks from every item with events, in rounds over all items."""
        c = self.config
        return random_walks(
            past, self.n_items_, c.session_gap_s, directed=c.directed, walks=c.walks, length=c.walk_length,
            seed=ctx.seed, p=c.p, q=c.q,
        )  # fmt: skip


def random_walks(
    past: History, n_items: int, gap: float | None, *, directed: bool, walks: int, length: int, seed: int,
    p: float = 1.0, q: float = 1.0,
) -> tuple[Ints, Ints]:  # fmt: skip
    """Walks along `transitions` from every item with events, in rounds over all items.

    Args:
        past, n_items, gap, directed: of `transitions`.
        walks: from each item.
        length: most items of a walk.
        seed: of all of them.
        p, q: see `Config`.

    Returns:
        int64[S+1] offsets and the items of the walks.
    """
    indptr, indices, weight = transitions(past, n_items, gap, directed=directed)
    starts = np.tile(np.unique(past.item), walks)
    state = np.array([seed], np.uint64)
    return _walk(state, starts, indptr, indices, weight, length, 1.0 / p, 1.0 / q)


def transitions(past: History, n_items: int, gap: float | None, *, directed: bool) -> tuple[Ints, Ints, Array]:
    """How often one item came right after another within a session, as CSR offsets, columns (sorted) and counts.

    Args:
        past: of all users.
        n_items: M.
        gap: longest pause within a session; None is any.
        directed: whether the opposite direction is left out.
    """
    from scipy.sparse import csr_array

    offsets = sessions(past, gap)
    inner = np.ones(len(past.item), bool)
    inner[offsets[1:] - 1] = False
    at = np.flatnonzero(inner)
    left, right = past.item[at], past.item[at + 1]
    different = left != right
    left, right = left[different], right[different]
    if not directed:
        left, right = np.r_[left, right], np.r_[right, left]
    graph = csr_array((np.ones(len(left)), (left, right)), shape=(n_items, n_items))
    graph.sum_duplicates()
    graph.sort_indices()
    return graph.indptr.astype(np.int64), graph.indices.astype(np.int64), graph.data


@njit(cache=True, nogil=True)
def _walk(
    state: Array, starts: Array, indptr: Array, indices: Array, weight: Array, length: int, back: float, far: float
) -> tuple[Array, Array]:
    """One walk from each start, as offsets int64[S+1] and items."""
    offsets = np.zeros(len(starts) + 1, np.int64)
    items = np.empty(len(starts) * length, np.int64)
    chance = np.empty(max(1, np.diff(indptr).max()))
    used = 0
    for s in range(len(starts)):
        here, before = starts[s], -1
        items[used] = here
        used += 1
        for _ in range(length - 1):
            first, stop = indptr[here], indptr[here + 1]
            if first == stop:
                break
            total = 0.0
            for p in range(first, stop):
                w = weight[p]
                if before >= 0 and (back != 1.0 or far != 1.0):
                    if indices[p] == before:
                        w *= back
                    elif not has(indices, indptr[before], indptr[before + 1], indices[p]):
                        w *= far
                total += w
                chance[p - first] = total
            drawn = min(np.searchsorted(chance[: stop - first], _share(state) * total, "right"), stop - first - 1)
            before = here
            here = indices[first + drawn]
            items[used] = here
            used += 1
        offsets[s + 1] = used
    return offsets, items[:used].copy()
