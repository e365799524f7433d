"""Micro-batches: questions that arrive while others are being answered wait for each other and are answered in one run.

A batch leaves when a thread is free and it is full, or its oldest question has waited long enough; with a wait of zero
it leaves as soon as a thread is free, so that only a busy server makes batches. The bounds are those of `limits`: a
question that finds the queue full is refused at once, one that waited past its deadline is dropped unstarted, and one
that runs past it frees its caller. Cost: below 50 us per question; nothing where batches are off.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from shortlist.core.errors import Overloaded
from shortlist.doors.http.limits import Limits, late

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True)
class _Waiting(Generic[T]):
    one: T
    future: asyncio.Future[Any]
    since: float


class Batches(Generic[T, R]):
    """Collects questions on the event loop and answers them in the pool.

    Args:
        limits: the pool, its queue and its deadline.
        work: answers or errors, one per question and in order; runs in the pool.
        most: questions of one batch.
        wait_s: longest wait of the first question for company, where a thread is free.
    """

    def __init__(
        self, limits: Limits, work: Callable[[Sequence[T]], Sequence[R | Exception]], *, most: int, wait_s: float
    ) -> None:
        self._limits, self._work, self._most, self._wait_s = limits, work, most, wait_s
        self._waiting: deque[_Waiting[T]] = deque()
        self._running = 0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.inside = 0
        """Questions waiting or being answered."""
        self.batches = 0
        """Batches that have left."""

    async def ask(self, one: T) -> R:
        """The answer to one question.

        Raises:
            Overloaded: the queue is full.
            DeadlineExceeded: no answer within the deadline. Otherwise whatever `work` found for this question.
        """
        if self.inside >= self._limits.queue + self._limits.threads * self._most:
            raise Overloaded("The server has more work than it can do in time.", hint="Come back in a second.")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(one, future, time.monotonic()))
        self.inside += 1
        self._look()
        try:
            return await asyncio.wait_for(future, self._limits.deadline_s)
        except TimeoutError:
            raise late() from None
        finally:
            self.inside -= 1

    def _look(self) -> None:
        """Send off what may leave now, and look again when the oldest has waited long enough."""
        while self._waiting and self._running < self._limits.threads:
            if self._waiting[0].future.done():
                self._waiting.popleft()
                continue
            left = self._wait_s - (time.monotonic() - self._waiting[0].since)
            if len(self._waiting) < self._most and left > 0:
                if self._timer is None:
                    self._timer = asyncio.get_running_loop().call_later(left, self._ring)
                return
            batch: list[_Waiting[T]] = []
            while self._waiting and len(batch) < self._most:
                found = self._waiting.popleft()
                if not found.future.done():
                    batch.append(found)
            self._running += 1
            self.batches += 1
            task = asyncio.get_running_loop().create_task(self._answer(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _ring(self) -> None:
        self._timer = None
        self._look()

    async def _answer(self, batch: Sequence[_Waiting[T]]) -> None:
        try:
            found: Sequence[R | Exception] = await self._limits.run(lambda: self._work([each.one for each in batch]))
        except Exception as error:
            found = [error] * len(batch)
        for each, answer in zip(batch, found, strict=True):
            if each.future.done():
                continue
            if isinstance(answer, Exception):
                each.future.set_exception(answer)
            else:
                each.future.set_result(answer)
        self._running -= 1
        self._look()
