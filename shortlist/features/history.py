"""What users did, as of a time: the events of a dataset plus those that arrived since.

The base is one array of all events sorted by (user, time, file order); reading a batch is two binary searches and one
gather. Events that arrive online go to a small sorted list per user and are merged while reading, so the next request
sees them, however late or out of order they come. Cost: 24 bytes per base event; an append is one insertion.
"""

from __future__ import annotations

from bisect import bisect_left, insort_right
from threading import Lock
from typing import TYPE_CHECKING, Self

import numpy as np

from shortlist.core.types import Floats, History, Ints, offsets_of
from shortlist.features.asof import AsOf

if TYPE_CHECKING:
    from shortlist.data.dataset import Dataset


class HistoryState:
    """Reads histories strictly before a time and takes new events.

    Events of one user at the same second keep the order in which they came: first the dataset's file order, then the
    order of the appends.
    """

    def __init__(self, base: History) -> None:
        self._base = base
        self._index = AsOf.over(base.at, base.offsets)
        self._recent: dict[int, list[tuple[float, int]]] = {}
        self._forgotten: set[int] = set()
        self._lock = Lock()

    @classmethod
    def from_dataset(cls, data: Dataset) -> Self:
        """All interactions of a dataset."""
        return cls(data.sequences)

    def append(self, user: int, item: int, at: float) -> None:
        """Add one event; the next read sees it. Users beyond the base are welcome, negative ids are ignored."""
        if user < 0 or item < 0:
            return
        with self._lock:
            insort_right(self._recent.setdefault(int(user), []), (float(at), int(item)), key=_time)

    def forget(self, user: int) -> None:
        """Drop everything known about a user."""
        with self._lock:
            self._recent.pop(user, None)
            self._forgotten.add(user)

    def read(self, user: Ints, now: Floats, limit: int) -> History:
        """The latest `limit` events of each user strictly before `now` [B]; unknown users (-1) have none."""
        user = np.asarray(user, np.int64)
        start, stop = self._index.before(user, np.asarray(now, np.float64))
        with self._lock:
            if self._forgotten:
                stop = np.where(np.isin(user, list(self._forgotten)), start, stop)
            fresh = self._fresh(user, now, limit)
        start = np.maximum(start, stop - limit)
        offsets = offsets_of(stop - start)
        index = np.repeat(start - offsets[:-1], stop - start) + np.arange(offsets[-1])
        read = History(self._base.item[index], self._base.at[index], offsets)
        return read if fresh is None else _merge(read, fresh).last(limit)

    def _fresh(self, user: Ints, now: Floats, limit: int) -> tuple[Ints, Ints, Floats] | None:
        """Appended events of the batch as (row, item, at), or None; only touched users cost anything."""
        if not self._recent:
            return None
        if len(user) > 64:
            touched = np.flatnonzero(np.isin(user, np.fromiter(self._recent, np.int64))).tolist()
        else:
            touched = [b for b, u in enumerate(user.tolist()) if u in self._recent]
        rows: list[int] = []
        events: list[tuple[float, int]] = []
        for b in touched:
            mine = self._recent[int(user[b])]
            stop = bisect_left(mine, float(now[b]), key=_time)
            chosen = mine[max(0, stop - limit) : stop]
            rows += [b] * len(chosen)
            events += chosen
        if not rows:
            return None
        item = np.array([event[1] for event in events], np.int64)
        at = np.array([event[0] for event in events], np.float64)
        return np.array(rows, np.int64), item, at


def _time(event: tuple[float, int]) -> float:
    return event[0]


def _merge(base: History, fresh: tuple[Ints, Ints, Floats]) -> History:
    """Both together, by (request, time), base first where times are equal."""
    row = np.concatenate([base.row, fresh[0]])
    item = np.concatenate([base.item, fresh[1]])
    at = np.concatenate([base.at, fresh[2]])
    order = np.lexsort((at, row))
    return History(item[order], at[order], offsets_of(np.bincount(row, minlength=len(base))))
