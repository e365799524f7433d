"""A small waiting room per stage, so that one hanging dependency cannot take the threads of all others.

A thread that waits cannot be cancelled; a deadline frees only the caller. Therefore every stage that may wait has its
own threads, at most `max_in_flight` of them, and a call that finds them all busy is refused instead of queueing.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from threading import BoundedSemaphore
from time import monotonic
from typing import Any

from shortlist.core.errors import DeadlineExceeded, Overloaded


class Call:
    """One call under way."""

    def __init__(self, name: str, future: Future[Any], until: float | None) -> None:
        self._name, self._future, self._until = name, future, until

    def result(self) -> Any:
        """Wait for the answer, at most until the deadline.

        Raises:
            DeadlineExceeded: not done in time; the thread stays busy until the dependency lets it go.
        """
        left = None if self._until is None else max(0.0, self._until - monotonic())
        try:
            return self._future.result(left)
        except FutureTimeout:
            if self._future.done():
                raise
            raise DeadlineExceeded(
                f"Stage '{self._name}' did not answer within its budget.", hint="Raise budget_ms or look at its store."
            ) from None


class Bulkhead:
    """The threads of one stage."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._free = BoundedSemaphore(most)
        self._threads = ThreadPoolExecutor(most, thread_name_prefix=f"stage-{name}")

    def start(self, work: Callable[[], Any], until: float | None) -> Call:
        """Begin `work` in a thread of its own; `until` is a `time.monotonic` moment, or None for no limit.

        Raises:
            Overloaded: all threads of the stage are busy.
        """
        if not self._free.acquire(blocking=until is None):
            raise Overloaded(f"Stage '{self._name}' is busy with earlier requests.", hint="Try again in a moment.")
        future = self._threads.submit(work)
        future.add_done_callback(lambda _: self._free.release())
        return Call(self._name, future, until)

    def close(self) -> None:
        """Take no more work; running calls are left to end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
