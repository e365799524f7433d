"""The state of a counter model while events arrive: rows that change in place, and what each user did.

A fitted model holds its links as one frozen matrix. The first update copies them into a pool in which rows can grow
(`_walk_kernels`), so that an event costs the rows it touches instead of a copy of everything: about the squared length
of the user's past. Readers and the one writer take turns by a lock; a reader sees the state between two events.
Cost: up to 54 bytes per link instead of 12, because rows keep room to grow and moved rows leave holes; when less than a
third of the pool is links, it is packed anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.types import Floats, Ints
from shortlist.models.pasts import Pasts
from shortlist.models.retrieval._walk_kernels import change_rows, pack

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SLACK = 1 << 16
"""Places by which a pool is larger than its rows, at least."""


class LiveLinks:
    """Links, counts of users and pasts that take one event at a time.

    Args:
        links: CSR int64[M, M].
        item_users: int64[M], users who had the item.
        pasts: of all users.
        steps: int64[window + 1], what a pair (earlier, later) adds by distance.
        share: what a pair of a user with so many distinct items counts.
        from_scale: factor float64[n] of a past item with so many users [n].
        to_scale: likewise of an answer.
        config: settings that these follow; a row with twice `neighbours` links is cut to that many.
    """

    def __init__(
        self,
        links: csr_array,
        item_users: Ints,
        pasts: Pasts,
        steps: Ints,
        *,
        share: Callable[[int], int],
        from_scale: Callable[[Ints], Floats],
        to_scale: Callable[[Ints], Floats],
        config: Any,
    ) -> None:
        self.lock = threading.Lock()
        self.columns: Ints
        self.counts: Ints
        self.used: int
        self.pasts = pasts
        self.n_items = links.shape[0]
        self.item_users = item_users.copy()
        self.config = config
        self.from_scale, self.to_scale = from_scale(self.item_users), to_scale(self.item_users)
        self._steps, self._share = steps, share
        self._from_scale, self._to_scale = from_scale, to_scale
        self._cut = (0, 0) if config.neighbours is None else (2 * config.neighbours, config.neighbours)
        self._spread_out(links.indptr.astype(np.int64), links.indices, links.data)

    def event(self, user: int, item: int, at: float) -> None:
        """One event; the caller holds the lock."""
        if item >= self.n_items:
            self._make_room_for(item + 1)
        before, _ = self.pasts.read(user)
        after = self.pasts.insert(user, item, at)
        mine_before, mine_after = np.unique(before), np.unique(after)
        came, went = np.setdiff1d(mine_after, mine_before), np.setdiff1d(mine_before, mine_after)
        for changed, step in ((came, 1), (went, -1)):
            self.item_users[changed] += step
            self.from_scale[changed] = self._from_scale(self.item_users[changed])
            self.to_scale[changed] = self._to_scale(self.item_users[changed])
        rows = np.union1d(mine_before, mine_after)
        # Each row it touches may gain as many links, and moves if it has no room for them.
        fullest = self.length[rows] + len(rows)
        moving = fullest > self.room[rows]
        self._ensure(int((fullest[moving] * 3 // 2 + 4).sum()))
        self.used = change_rows(
            before, self._share(len(mine_before)), after, self._share(len(mine_after)), rows, self._steps,
            self.start, self.length, self.room, self.columns, self.counts, self.used, self.to_scale, *self._cut,
        )  # fmt: skip

    @property
    def n_links(self) -> int:
        """Links held."""
        return int(self.length.sum())

    def packed(self) -> csr_array:
        """The links as a matrix of their own; the caller holds the lock."""
        from scipy.sparse import csr_array

        offsets, columns, counts = pack(self.start, self.length, self.columns, self.counts)
        return csr_array((counts, columns, offsets), shape=(self.n_items, self.n_items))

    def _spread_out(self, offsets: Ints, columns: Ints, counts: Ints) -> None:
        """Start a pool from rows that stand one after another."""
        self.length = np.diff(offsets)
        self.start = offsets[:-1].copy()
        self.room = self.length.copy()
        self.used = len(columns)
        size = self.used + max(SLACK, self.used // 2)
        self.columns, self.counts = np.empty(size, np.int32), np.empty(size, np.int64)
        self.columns[: self.used], self.counts[: self.used] = columns, counts

    def _ensure(self, places: int) -> None:
        if self.used + places <= len(self.columns):
            return
        if self.used > 3 * int(self.length.sum()) + SLACK:
            self._spread_out(*pack(self.start, self.length, self.columns, self.counts))
        if self.used + places > len(self.columns):
            size = self.used + places + len(self.columns) // 2
            columns, counts = np.empty(size, np.int32), np.empty(size, np.int64)
            columns[: self.used], counts[: self.used] = self.columns[: self.used], self.counts[: self.used]
            self.columns, self.counts = columns, counts

    def _make_room_for(self, n_items: int) -> None:
        self.item_users = _longer(self.item_users, n_items)
        self.from_scale, self.to_scale = _longer(self.from_scale, n_items), _longer(self.to_scale, n_items)
        self.start, self.length, self.room = (_longer(x, n_items) for x in (self.start, self.length, self.room))
        self.n_items = n_items


def _longer(array: Any, n: int) -> Any:
    """A copy with zeros behind."""
    out = np.zeros(n, array.dtype)
    out[: len(array)] = array
    return out
