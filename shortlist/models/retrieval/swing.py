"""Swing: two items belong together when pairs of otherwise different users chose both.

Every pair of users who share an item vouches for the other items they share, and the more they share anyway, the less
one of them proves: a pair adds w_u * w_v / (alpha + |common items|) to the link between any two of their common items.
Robust against noisy clicks and good for substitutes; for complements see `surprise`, and where order matters `trails`.

Paper: Yang, Zhu, Zhang, Wang, Yuan, "Large Scale Product Graph Construction for Recommendation in E-commerce",
arXiv 2010.05525, 2020.
Cost: for each item the pairs of its users times their history length, so users per item and events per user are
bounded; seconds at 100,000 events. Memory 12 bytes per kept link. Not for items with a single user: they get no link.
Single events are not learnt: one more item of a user changes that user's weight and its overlap with everybody who
shares an item with it, so all links among what they share, and it may push another user out of `max_users`; that is a
fit of a large part of the catalogue for one event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numba import njit
from pydantic import Field, NonNegativeFloat, PositiveInt

from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, History, offsets_of
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.parallel import in_ranges
from shortlist.models.retrieval._links import LinkModel, counted_past, users_by_item
from shortlist.models.sparse import best_per_row

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Config(ModelConfig):
    """Settings of `Swing`."""

    alpha: NonNegativeFloat = 1.0
    """Added to the number of common items of a pair of users; larger evens out how much pairs count."""
    user_weights: bool = True
    """Whether a user weighs 1 / sqrt(items the user had), so that very active accounts decide less."""
    neighbours: PositiveInt | None = 100
    """Strongest links kept for each past item; None keeps all."""
    max_users: int = Field(default=500, ge=2)
    """Latest users of an item whose pairs are counted: bounds the cost of very popular items."""
    max_events: int = Field(default=1000, ge=2)
    """Latest events of a user that are counted."""
    max_len: int = Field(default=1000, ge=1)
    """Latest distinct items of a history that are read for an answer."""


class Swing(LinkModel):
    """Sums swing links of the distinct items of the history.

    Learned: `links_` CSR float64[M, M], symmetric before it is cut to the strongest of each row, diagonal empty.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Let every pair of users of every item vouch for what else they share."""
        c = self.config
        past = counted_past(data, c.max_events)
        self.links_ = swing_links(
            past,
            self.n_items_,
            alpha=c.alpha,
            user_weights=c.user_weights,
            max_users=c.max_users,
            neighbours=c.neighbours,
            threads=ctx.threads,
        )


def swing_links(
    past: History,
    n_items: int,
    *,
    alpha: float,
    user_weights: bool,
    max_users: int,
    neighbours: int | None,
    threads: int,
) -> csr_array:
    """CSR float64[M, M], the swing score of every pair of items that two users share.

    Args:
        past: distinct items of each user.
        n_items: M.
        alpha: see `Config`.
        user_weights: see `Config`.
        max_users: see `Config`.
        neighbours: links kept per row; None keeps all.
        threads: cores to use.
    """
    from scipy.sparse import csr_array, vstack

    offsets, users = users_by_item(past, n_items, max_users)
    weight = np.ones(len(past)) if not user_weights else np.maximum(past.lengths, 1) ** -0.5

    def work(start: int, stop: int) -> csr_array:
        lengths, columns, values = _swing_rows(
            start, stop, n_items, offsets, users, past.offsets, past.item, weight, alpha
        )
        part = csr_array((values, columns, offsets_of(lengths)), shape=(stop - start, n_items))
        part.sort_indices()
        return best_per_row(part, neighbours or n_items)

    links = csr_array(vstack(in_ranges(work, n_items, threads=threads, pieces=128), format="csr"))
    links.sort_indices()
    return links


@njit(cache=True, nogil=True)
def _swing_rows(
    start: int, stop: int, n_items: int, offsets: Array, users: Array, past_offsets: Array, past_item: Array,
    weight: Array, alpha: float,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Link rows start..stop as (lengths, columns in order of discovery, values)."""
    mine = np.zeros(n_items, np.uint8)
    common = np.empty(n_items + 1, np.int32)
    total = np.zeros(n_items, np.float64)
    found = np.empty(n_items, np.int32)
    lengths = np.zeros(stop - start, np.int64)
    columns = np.empty(1024, np.int32)
    values = np.empty(1024, np.float64)
    used = 0
    for i in range(start, stop):
        n = 0
        for p in range(offsets[i], offsets[i + 1]):
            u = users[p]
            for q in range(past_offsets[u], past_offsets[u + 1]):
                mine[past_item[q]] = 1
            mine[i] = 0
            for r in range(p + 1, offsets[i + 1]):
                v = users[r]
                shared = 0
                # Without a branch: whether v had an item is what a processor guesses wrong.
                for q in range(past_offsets[v], past_offsets[v + 1]):
                    common[shared] = past_item[q]
                    shared += mine[past_item[q]]
                if shared == 0:
                    continue
                added = weight[u] * weight[v] / (alpha + shared + 1)
                for a in range(shared):
                    j = common[a]
                    if total[j] == 0.0:
                        found[n] = j
                        n += 1
                    total[j] += added
            for q in range(past_offsets[u], past_offsets[u + 1]):
                mine[past_item[q]] = 0
        if used + n > len(columns):
            size = 2 * (used + n)
            wider = np.empty(size, np.int32)
            wider[:used] = columns[:used]
            columns = wider
            more = np.empty(size, np.float64)
            more[:used] = values[:used]
            values = more
        for a in range(n):
            j = found[a]
            columns[used] = j
            values[used] = total[j]
            total[j] = 0.0
            used += 1
        lengths[i - start] = n
    return lengths, columns[:used].copy(), values[:used].copy()
