"""What each user did, in order of time, while events arrive: the base in one array, touched users beside it.

An event stands where its time belongs, however late it comes, behind those of the same time.
Cost: 16 bytes per event; one event more costs a copy of that user's past.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shortlist.core.types import Floats, History, Ints, offsets_of


class Pasts:
    """Everybody's events, to which single ones are added.

    Args:
        item: int[E], by user and time.
        at: float64[E], UTC seconds, likewise.
        offsets: int64[U+1].
        most: latest events of a user that are kept; None keeps all.
    """

    def __init__(self, item: Ints, at: Floats, offsets: Ints, most: int | None = None) -> None:
        self._base = History(item, at, offsets)
        self._from = None if most is None else -most
        self._late: dict[int, tuple[Ints, Floats]] = {}
        self.n_users = len(offsets) - 1

    def read(self, user: int) -> tuple[Ints, Floats]:
        """Items and times of a user, oldest first."""
        found = self._late.get(user)
        if found is not None:
            return found
        if user >= len(self._base):
            return np.empty(0, np.int64), np.empty(0)
        where = slice(self._base.offsets[user], self._base.offsets[user + 1])
        return self._base.item[where].astype(np.int64), self._base.at[where]

    def insert(self, user: int, item: int, at: float) -> Ints:
        """Put an event where its time belongs, behind those of the same time; returns the items from now on."""
        items, times = self.read(user)
        place = int(np.searchsorted(times, at, side="right"))
        items = np.insert(items, place, item)[self._from :]
        times = np.insert(times, place, at)[self._from :]
        self._late[user] = (items, times)
        self.n_users = max(self.n_users, user + 1)
        return items

    def of(self, users: Sequence[int]) -> History:
        """The pasts of the given users."""
        found = [self.read(user) for user in users]
        offsets = offsets_of(np.array([len(items) for items, _ in found], np.int64))
        if not found:
            return History.empty(0)
        return History(np.concatenate([x for x, _ in found]), np.concatenate([x for _, x in found]), offsets)

    def copy(self) -> Pasts:
        """Independent of this one; arrays are shared and never changed in place."""
        new = Pasts(self._base.item, self._base.at, self._base.offsets)
        new._from, new._late, new.n_users = self._from, dict(self._late), self.n_users
        return new

    def merged(self) -> History:
        """Everybody's past as one table."""
        base = self._base
        lengths = np.zeros(self.n_users, np.int64)
        lengths[: len(base)] = base.lengths
        for user, (items, _) in self._late.items():
            lengths[user] = len(items)
        offsets = offsets_of(lengths)
        item, at = np.empty(offsets[-1], np.int32), np.empty(offsets[-1])
        stays = np.ones(len(base), bool)
        stays[[user for user in self._late if user < len(base)]] = False
        kept = np.repeat(stays, base.lengths)
        place = np.repeat(offsets[: len(base)] - base.offsets[:-1], base.lengths) + np.arange(len(base.item))
        item[place[kept]], at[place[kept]] = base.item[kept], base.at[kept]
        for user, (items, times) in self._late.items():
            item[offsets[user] : offsets[user + 1]] = items
            at[offsets[user] : offsets[user + 1]] = times
        return History(item, at, offsets)


def with_events(past: History, user: Ints, item: Ints, at: Floats) -> tuple[History, History]:
    """What `Pasts` makes of many events at once: the past of all users that occur, without the events and with them.

    Args:
        past: of users 0..U-1.
        user: int64[n], may be new.
        item: int64[n].
        at: float64[n].
    """
    n_users = max(len(past), int(user.max(initial=-1)) + 1)
    offsets = np.r_[past.offsets, np.full(n_users - len(past), past.offsets[-1])]
    full = History(past.item.astype(np.int64), past.at, offsets)
    whose, times = np.r_[full.row, user], np.r_[full.at, at]
    order = np.lexsort((times, whose))
    lengths = np.bincount(whose, minlength=n_users)
    return full, History(np.r_[full.item, item][order], times[order], offsets_of(lengths))
