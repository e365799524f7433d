"""Work on row ranges in a bounded number of threads: compiled kernels release the lock, so plain threads are enough.

Each range is computed by itself and written to its own rows, so the result is the same for any number of threads. A
pool of ordinary threads is used rather than the compiler's own parallel regions, because those crash on platforms
whose threading layer cannot be entered from two server threads at once, and take several times longer to compile.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeVar

Part = TypeVar("Part")


def in_ranges(work: Callable[[int, int], Part], n: int, *, threads: int, pieces: int = 32) -> list[Part]:
    """Call `work(start, stop)` over consecutive ranges that cover 0..n, and return the answers in that order.

    Args:
        work: a function that releases the interpreter lock while it computes.
        n: rows.
        threads: at most this many calls run at once.
        pieces: ranges to cut, for balance; never more than rows.
    """
    pieces = max(1, min(n, pieces))
    bounds = [n * p // pieces for p in range(pieces + 1)]
    ranges = list(pairwise(bounds))
    if threads <= 1 or pieces == 1:
        return [work(start, stop) for start, stop in ranges]
    with ThreadPoolExecutor(min(threads, pieces), thread_name_prefix="fit") as pool:
        return list(pool.map(lambda edge: work(*edge), ranges))


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_PINNING = threading.Lock()
_pinned = 0
_limits: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep matrix products to the calling thread, for work that brings threads of its own.

    A library that starts threads inside ours has them wait for each other; the limit holds for the process while
    anybody is inside, and the last one out restores what was there.
    """
    global _pinned, _limits
    with _PINNING:
        if _pinned == 0:
            _limits = _libraries(len(sys.modules)).limit(limits=1, user_api="blas")
        _pinned += 1
    try:
        yield
    finally:
        with _PINNING:
            _pinned -= 1
            if _pinned == 0:
                _limits.restore_original_limits()


@lru_cache(maxsize=1)
def _libraries(modules: int) -> Any:
    """What is loaded now: a library that came with a later import is found because there are more modules then."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
