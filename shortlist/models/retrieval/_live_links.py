"""The state of a counter model while events arrive: rows that change in place, and what each user did.

A fitted model holds its links as one frozen matrix. The first update copies them into a pool in which rows can grow
(`_row_pool`), so that an event costs the rows it touches instead of a copy of everything: about the squared length of
the user's past. Readers and the one writer take turns by a lock; a reader sees the state between two events.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.types import Floats, Ints
from shortlist.models.pasts import Pasts
from shortlist.models.retrieval._row_pool import RowPool
from shortlist.models.retrieval._walk_kernels import change_rows
from shortlist.models.updating import grown

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class LiveLinks(RowPool):
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
        super().__init__(links)
        self.lock = threading.Lock()
        self.pasts = pasts
        self.item_users = item_users.copy()
        self.config = config
        self.from_scale, self.to_scale = from_scale(self.item_users), to_scale(self.item_users)
        self._steps, self._share = steps, share
        self._from_scale, self._to_scale = from_scale, to_scale
        self._cut = (0, 0) if config.neighbours is None else (2 * config.neighbours, config.neighbours)

    def event(self, user: int, item: int, at: float) -> None:
        """One event; the caller holds the lock."""
        if item >= self.n_items:
            self.lengthen(item + 1)
        before, _ = self.pasts.read(user)
        self._change(before, self.pasts.insert(user, item, at))

    def rehearse(self) -> None:
        """Go through an event that changes nothing, so that the first one need not wait for compilation."""
        nothing = np.empty(0, np.int64)
        self._change(nothing, nothing)

    def lengthen(self, n_items: int) -> None:
        """Room for items that came after the fit."""
        self.item_users = grown(self.item_users, n_items)
        self.from_scale, self.to_scale = grown(self.from_scale, n_items), grown(self.to_scale, n_items)
        super().lengthen(n_items)

    def _change(self, before: Ints, after: Ints) -> None:
        """Replace the past of a user by another."""
        mine_before, mine_after = np.unique(before), np.unique(after)
        came, went = np.setdiff1d(mine_after, mine_before), np.setdiff1d(mine_before, mine_after)
        for changed, step in ((came, 1), (went, -1)):
            self.item_users[changed] += step
            self.from_scale[changed] = self._from_scale(self.item_users[changed])
            self.to_scale[changed] = self._to_scale(self.item_users[changed])
        rows = np.union1d(mine_before, mine_after)
        self.make_room_for(rows, len(rows))
        self.used = change_rows(
            before, self._share(len(mine_before)), after, self._share(len(mine_after)), rows, self._steps,
            self.start, self.length, self.room, self.columns, self.counts, self.used, self.to_scale, *self._cut,
        )  # fmt: skip
