"""What a step cost: wall time, and the highest resident memory of the process while it ran.

Memory is the process's own, everything loaded included, because that is what a machine must have. Where the step raised
the process's high-water mark, that mark is the exact answer; below it, resident memory is sampled, so a short peak may
be missed. Nothing is reset, so whoever watches the process from outside still sees its true peak.
Cost: one small read every 20 ms in a thread of its own.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Self

EVERY_S = 0.02


class Cost:
    """Use as `with Cost() as cost: ...`, then read.

    Attributes:
        seconds: wall time of the block.
        peak_mb: highest resident memory in megabytes of 10^6 bytes; NaN where the platform does not tell.
    """

    def __init__(self) -> None:
        self.seconds = float("nan")
        self.peak_mb = float("nan")
        self._stop = threading.Event()
        self._sampled = 0.0

    def __enter__(self) -> Self:
        self._mark = high_water_bytes()
        self._thread = threading.Thread(target=self._watch, name="cost", daemon=True)
        self._thread.start()
        self._began = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = perf_counter() - self._began
        self._stop.set()
        self._thread.join()
        mark = high_water_bytes()
        # Without a current figure the mark of the whole process is all there is.
        peak = mark if mark > self._mark or not self._sampled else max(self._sampled, resident_bytes())
        self.peak_mb = peak / 1e6 if peak else float("nan")

    def _watch(self) -> None:
        while True:
            self._sampled = max(self._sampled, resident_bytes())
            if self._stop.wait(EVERY_S):
                return


def resident_bytes() -> float:
    """Resident memory of this process now; 0 where the platform does not tell."""
    with suppress(OSError):
        return float(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0.0


def high_water_bytes() -> float:
    """Highest resident memory of this process so far; 0 where the platform does not tell."""
    try:
        import resource
    except ImportError:
        return 0.0
    peak = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return peak if sys.platform == "darwin" else peak * 1024
