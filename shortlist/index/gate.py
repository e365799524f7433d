"""Many readers or one writer: searches run side by side, a change of the index runs alone.

A writer that waits holds back readers that come later, so a busy index still takes changes. Cost: about a microsecond
per search. Not re-entrant: who holds the gate must not ask for it again.
"""

from __future__ import annotations

import threading
from types import TracebackType


class Gate:
    """The two sides of the lock, as `with gate.reading:` and `with gate.writing:`."""

    def __init__(self) -> None:
        self.reading = _Reading(self)
        self.writing = _Writing(self)
        self._changed = threading.Condition(threading.Lock())
        self._readers = 0
        self._writers_waiting = 0
        self._is_writing = False


class _Reading:
    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def __enter__(self) -> None:
        gate = self._gate
        with gate._changed:
            while gate._is_writing or gate._writers_waiting:
                gate._changed.wait()
            gate._readers += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        gate = self._gate
        with gate._changed:
            gate._readers -= 1
            if gate._writers_waiting and not gate._readers:
                gate._changed.notify_all()


class _Writing:
    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def __enter__(self) -> None:
        gate = self._gate
        with gate._changed:
            gate._writers_waiting += 1
            try:
                while gate._is_writing or gate._readers:
                    gate._changed.wait()
            finally:
                gate._writers_waiting -= 1
                gate._changed.notify_all()
            gate._is_writing = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        gate = self._gate
        with gate._changed:
            gate._is_writing = False
            gate._changed.notify_all()
