"""The store protocols: few methods, plain values, one promise each.

Implementations live one per file and are found by the scheme of a URL (`stores/open.py`). `testing/stores.py` is the
specification: whatever passes it may be used. All of them are safe to use from many threads, and those that keep files
from many processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from shortlist.stores.events import Event

Status = Literal["accepted", "duplicate", "conflict"]
"""What the log did with an event: stored it, had it already, or has another event under that id (the first stays)."""

MAX_READ = 100_000


@dataclass(frozen=True, slots=True)
class Stored:
    """An event and its place in the log; places only grow, gaps are allowed."""

    seq: int
    event: Event


@runtime_checkable
class EventLog(Protocol):
    """An append-only log of events, the one source of truth about users.

    What `append` has answered survives the death of the process and, for stores that keep files, loss of power.
    """

    def append(self, events: Sequence[Event]) -> list[Status]:
        """Store a batch, all or nothing.

        Args:
            events: in the order they arrived; two of one id within a batch are treated as if sent one after the other.

        Returns:
            One status per event.

        Raises:
            StoreUnavailable: nothing of the batch was stored.
            StoreTimeout: another writer held the store for too long; nothing of the batch was stored.
        """
        ...

    def read(self, after_seq: int = 0, limit: int = 10_000) -> list[Stored]:
        """Events behind a place, in log order.

        Args:
            after_seq: the last place already seen; 0 reads from the start.
            limit: 1 to 100,000.

        Returns:
            At most `limit` events; fewer than `limit` means that the end was reached.
        """
        ...

    def last_seq(self) -> int:
        """The last place given out, 0 before the first event; erasing a user does not change it."""
        ...

    def count(self) -> int:
        """Events that can be read."""
        ...

    def erase_user(self, user_id: str) -> int:
        """Forget everything about a user; the same events sent again are answered "duplicate" and stay forgotten.

        Returns:
            How many events were erased.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections; may be called twice."""
        ...


@runtime_checkable
class Ledger(Protocol):
    """A bounded memory of decisions: what was answered to whom, from what, and how probable it was."""

    def record(self, *decisions: Mapping[str, Any]) -> None:
        """Store decisions, oldest first, and drop the oldest beyond the store's bound.

        Args:
            decisions: JSON-able mappings with `request_id` (text) and, if known, `user_id`; numpy numbers and arrays
                are allowed, numbers that are not finite come back as None. A request id is stored once, as first sent.

        Raises:
            StageError: a decision lacks `request_id` or holds something that is not JSON.
            StoreUnavailable: nothing was stored.
        """
        ...

    def get(self, request_id: str) -> dict[str, Any] | None:
        """The decision of a request, or None if it was never recorded, was dropped or was erased."""
        ...

    def recent(self, user_id: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """The newest decisions, newest first: of one user, or of all."""
        ...

    def count(self) -> int:
        """Decisions kept."""
        ...

    def erase_user(self, user_id: str) -> int:
        """Forget a user's decisions. Returns: how many."""
        ...

    def close(self) -> None:
        """Let go of files and connections; may be called twice."""
        ...


@runtime_checkable
class FeatureStore(Protocol):
    """Small values by key: what features are computed from, kept where several processes can read it.

    A space holds the values of one layout; whoever reads another layout reads another space. What is here is a fold
    over the event log and may be thrown away; `seq` says how far that fold has come.
    """

    def get_many(self, space: str, keys: Sequence[str]) -> list[bytes | None]:
        """The values of all keys, in their order, in one round trip; None where there is none or its time is over.

        Raises:
            StoreUnavailable, StoreTimeout: it does not answer.
        """
        ...

    def put_many(self, space: str, rows: Mapping[str, bytes], seq: int, ttl_s: float | None = None) -> None:
        """Store values and the place of the log up to which they are folded: all of it, or nothing.

        Args:
            space: name of the layout.
            rows: values by key; an empty value removes the key.
            seq: place in the log; `seq` of this space from now on.
            ttl_s: seconds after which the values are gone; None keeps them.

        Raises:
            StoreUnavailable, StoreTimeout: nothing of it may be relied on.
        """
        ...

    def seq(self, space: str) -> int:
        """The place given last, 0 before the first."""
        ...

    def erase(self, keys: Sequence[str]) -> int:
        """Remove keys from every space. Returns: how many values went."""
        ...

    def count(self, space: str) -> int:
        """Values that can be read."""
        ...

    def close(self) -> None:
        """Let go of files and connections; may be called twice."""
        ...


def check_limit(limit: int) -> int:
    """The limit itself.

    Raises:
        BadRequest: outside 1 to 100,000.
    """
    from shortlist.core.errors import BadRequest

    if not 1 <= limit <= MAX_READ:
        raise BadRequest(f"Field 'limit' must be 1 to {MAX_READ}.", hint="Read on from the last place.", field="limit")
    return limit
