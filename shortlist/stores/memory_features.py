"""Feature values that live and die with the process: for tests, demonstrations and one process that does it all."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Self

from shortlist.stores.urls import no_place, whole_numbers


class MemoryFeatures:
    """Feature values in dicts; the reference that other stores are compared with."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By space and key: the value and the time at which it is gone.
        self._rows: dict[str, dict[str, tuple[bytes, float]]] = {}
        self._seq: dict[str, int] = {}

    @classmethod
    def from_url(cls, place: str, options: Mapping[str, str]) -> Self:
        """From `memory:`.

        Raises:
            BadConfig: a path or option that this store does not take.
        """
        no_place(place)
        whole_numbers(options)
        return cls()

    def get_many(self, space: str, keys: Sequence[str]) -> list[bytes | None]:
        """See `FeatureStore.get_many`."""
        now = time.time()
        with self._lock:
            held = self._rows.get(space, {})
            found = [held.get(key) for key in keys]
        return [None if row is None or row[1] <= now else row[0] for row in found]

    def put_many(self, space: str, rows: Mapping[str, bytes], seq: int, ttl_s: float | None = None) -> None:
        """See `FeatureStore.put_many`."""
        until = float("inf") if ttl_s is None else time.time() + ttl_s
        with self._lock:
            held = self._rows.setdefault(space, {})
            for key, value in rows.items():
                if value:
                    held[key] = (bytes(value), until)
                else:
                    held.pop(key, None)
            self._seq[space] = seq

    def seq(self, space: str) -> int:
        """See `FeatureStore.seq`."""
        return self._seq.get(space, 0)

    def erase(self, keys: Sequence[str]) -> int:
        """See `FeatureStore.erase`."""
        with self._lock:
            return sum(held.pop(key, None) is not None for held in self._rows.values() for key in set(keys))

    def count(self, space: str) -> int:
        """See `FeatureStore.count`."""
        now = time.time()
        with self._lock:
            return sum(until > now for _, until in self._rows.get(space, {}).values())

    def close(self) -> None:
        """Nothing to let go of."""
