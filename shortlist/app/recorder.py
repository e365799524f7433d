"""Writes decisions after the answer has left: a bounded queue, one thread, and a short memory until they are written.

A list must not wait for a disk. What is still in the queue can already be asked for; what does not fit is counted as
lost and named in the next answers as degraded, because a decision that was not recorded cannot be explained or learned
from.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from shortlist.core.errors import ShortlistError

Decision = Mapping[str, Any]
MAX_WAITING = 1_000
MAX_BATCH = 256


class Recorder:
    """Takes decisions as functions that make them, so that building the record costs the caller nothing.

    Args:
        ledger: where they go.
    """

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger
        self._queue: queue.Queue[str | None] = queue.Queue(MAX_WAITING)
        self._waiting: dict[str, Callable[[], Decision | None]] = {}
        self._failing = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.lost = 0
        """Decisions that were not recorded."""

    @property
    def degraded(self) -> bool:
        """Whether the last attempt to record failed."""
        return self._failing

    def submit(self, request_id: str, make: Callable[[], Decision | None]) -> None:
        """Record later; never waits and never raises."""
        self._start()
        self._waiting[request_id] = make
        try:
            self._queue.put_nowait(request_id)
        except queue.Full:
            self._waiting.pop(request_id, None)
            self.lost += 1
            self._failing = True

    def get(self, request_id: str) -> Decision | None:
        """The decision of a request, written or still waiting; None if there is none.

        Raises:
            StoreUnavailable: the ledger does not answer.
        """
        make = self._waiting.get(request_id)
        if make is not None:
            return make()
        found: Decision | None = self._ledger.get(request_id)
        return found

    def flush(self) -> None:
        """Wait until everything submitted so far is written or lost."""
        if self._thread is not None:
            self._queue.join()

    def close(self) -> None:
        """Write what waits, then stop."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join(timeout=10.0)

    def _start(self) -> None:
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, name="shortlist-recorder", daemon=True)
                    self._thread.start()

    def _work(self) -> None:
        while True:
            batch = [self._queue.get()]
            while len(batch) < MAX_BATCH and batch[-1] is not None:
                try:
                    batch.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            ids = [one for one in batch if one is not None]
            self._write(ids)
            for _ in batch:
                self._queue.task_done()
            if batch[-1] is None:
                return

    def _write(self, ids: list[str]) -> None:
        try:
            made = [self._waiting[one]() for one in ids]
            self._ledger.record(*(one for one in made if one is not None))
            self._failing = False
        except ShortlistError:
            self.lost += len(ids)
            self._failing = True
        finally:
            for one in ids:
                self._waiting.pop(one, None)
