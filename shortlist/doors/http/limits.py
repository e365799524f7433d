"""The bounded pool in which use cases run: so many at once, so many waiting, the rest refused at once.

An unbounded queue turns "slow" into "dead": under twice the load nearly every answer arrives after its caller has left.
Here a request that finds the queue full gets 503 immediately, one that waited past its deadline is dropped unstarted,
and one that runs past it frees its caller (the thread itself keeps its place until it returns).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shortlist.core.errors import DeadlineExceeded, Overloaded

T = TypeVar("T")


class Limits:
    """A thread pool with a bounded queue and a deadline.

    Attributes:
        threads: calls that run at once.
        queue: calls that may wait.
        deadline_s: time a caller waits, queueing included.
    """

    def __init__(self, *, threads: int, queue: int, deadline_s: float, name: str = "app") -> None:
        self.threads = threads
        self.queue = queue
        self.deadline_s = deadline_s
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"shortlist-{name}")
        self._inside = 0

    @property
    def inside(self) -> int:
        """Calls running or waiting now."""
        return self._inside

    async def run(self, call: Callable[[], T]) -> T:
        """Run `call` in the pool and wait for it.

        Raises:
            Overloaded: the queue is full.
            DeadlineExceeded: no result within the deadline.
        """
        if self._inside >= self.threads + self.queue:
            raise Overloaded("The server has more work than it can do in time.", hint="Come back in a second.")
        expires = time.monotonic() + self.deadline_s
        loop = asyncio.get_running_loop()
        self._inside += 1
        try:
            future = self._pool.submit(_unless_late, call, expires)
        except RuntimeError:
            self._inside -= 1
            raise Overloaded("The server is stopping.", hint="Come back in a second.") from None
        future.add_done_callback(lambda done: _tell(loop, self._left))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self.deadline_s)
        except TimeoutError:
            future.cancel()
            raise late() from None

    def close(self) -> None:
        """Take no more work; what runs is finished, what waits is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _left(self) -> None:
        self._inside -= 1


def _unless_late(call: Callable[[], T], expires: float) -> T:
    if time.monotonic() >= expires:
        raise late()
    return call()


def late() -> DeadlineExceeded:
    """What a caller is told whose time ran out."""
    return DeadlineExceeded("The time budget of the request ran out.", hint="Come back in a second.")


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """Run `callback` on the loop's thread, so that the counter needs no lock; a closed loop needs no count."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback)
