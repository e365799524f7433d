"""Stores that live and die with the process: for tests, demonstrations and read-only machines.

They keep every promise of their protocols except durability, which makes them the reference that others are compared
with. Memory grows with the log; nothing is shared between processes.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Self

from shortlist.stores.base import Status, Stored, check_limit
from shortlist.stores.codec import decision_key, decode_decision, encode_decision
from shortlist.stores.events import Event
from shortlist.stores.urls import no_place, whole_numbers

DEFAULT_MAX_ROWS = 100_000


class MemoryEventLog:
    """An event log in a list."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: list[Stored] = []
        self._last = 0
        # Digest by event id; None marks an erased event, which must not come back.
        self._digest: dict[str, bytes | None] = {}

    @classmethod
    def from_url(cls, place: str, options: Mapping[str, str]) -> Self:
        """From `memory:`.

        Raises:
            BadConfig: a path or option that this store does not take.
        """
        no_place(place)
        whole_numbers(options)
        return cls()

    def append(self, events: Sequence[Event]) -> list[Status]:
        """See `EventLog.append`."""
        digests = [event.digest for event in events]
        out: list[Status] = []
        with self._lock:
            for event, digest in zip(events, digests, strict=True):
                if event.event_id in self._digest:
                    known = self._digest[event.event_id]
                    out.append("duplicate" if known is None or known == digest else "conflict")
                    continue
                self._digest[event.event_id] = digest
                self._last += 1
                self._rows.append(Stored(self._last, event))
                out.append("accepted")
        return out

    def read(self, after_seq: int = 0, limit: int = 10_000) -> list[Stored]:
        """See `EventLog.read`."""
        check_limit(limit)
        with self._lock:
            start = bisect_right(self._rows, after_seq, key=lambda stored: stored.seq)
            return self._rows[start : start + limit]

    def last_seq(self) -> int:
        """See `EventLog.last_seq`."""
        return self._last

    def count(self) -> int:
        """See `EventLog.count`."""
        return len(self._rows)

    def erase_user(self, user_id: str) -> int:
        """See `EventLog.erase_user`."""
        with self._lock:
            kept = [stored for stored in self._rows if stored.event.subject != user_id]
            for stored in self._rows:
                if stored.event.subject == user_id:
                    self._digest[stored.event.event_id] = None
            erased = len(self._rows) - len(kept)
            self._rows = kept
            return erased

    def close(self) -> None:
        """Nothing to let go of."""


class MemoryLedger:
    """A ledger in a dict.

    Args:
        max_rows: decisions kept; older ones are dropped.
    """

    def __init__(self, max_rows: int = DEFAULT_MAX_ROWS) -> None:
        self._lock = threading.Lock()
        self._max_rows = max_rows
        self._rows: dict[str, tuple[str | None, bytes]] = {}

    @classmethod
    def from_url(cls, place: str, options: Mapping[str, str]) -> Self:
        """From `memory:?max_rows=1000`.

        Raises:
            BadConfig: a path or option that this store does not take.
        """
        no_place(place)
        return cls(**whole_numbers(options, "max_rows"))

    def record(self, *decisions: Mapping[str, Any]) -> None:
        """See `Ledger.record`."""
        rows = [(*decision_key(decision), encode_decision(decision)) for decision in decisions]
        with self._lock:
            for request_id, user_id, body in rows:
                self._rows.setdefault(request_id, (user_id, body))
            while len(self._rows) > self._max_rows:
                del self._rows[next(iter(self._rows))]

    def get(self, request_id: str) -> dict[str, Any] | None:
        """See `Ledger.get`."""
        row = self._rows.get(request_id)
        return None if row is None else decode_decision(row[1])

    def recent(self, user_id: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """See `Ledger.recent`."""
        check_limit(limit)
        with self._lock:
            rows = list(self._rows.values())
        chosen = [body for owner, body in reversed(rows) if user_id is None or owner == user_id]
        return [decode_decision(body) for body in chosen[:limit]]

    def count(self) -> int:
        """See `Ledger.count`."""
        return len(self._rows)

    def erase_user(self, user_id: str) -> int:
        """See `Ledger.erase_user`."""
        with self._lock:
            gone = [request_id for request_id, (owner, _) in self._rows.items() if owner == user_id]
            for request_id in gone:
                del self._rows[request_id]
            return len(gone)

    def close(self) -> None:
        """Nothing to let go of."""
