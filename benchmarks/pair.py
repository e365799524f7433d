"""Time two ways of doing one thing, alternating, in CPU seconds of this process.

Alternation spreads what the machine does meanwhile over both sides; the median forgets its outliers. The figure that
counts is the ratio within one run, never a time across runs.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Pair:
    """Ours and a peer.

    Attributes:
        name: what is done, on what.
        ours: the work, returning what `same` compares.
        peer: the same work done by the peer.
        peer_name: who the peer is, with its version.
        same: raises AssertionError when the two results differ.
        peer_seconds: reads the CPU seconds out of the peer's result, for a peer that works in a process of its own.
    """

    name: str
    ours: Callable[[], Any]
    peer: Callable[[], Any]
    peer_name: str
    same: Callable[[Any, Any], None]
    peer_seconds: Callable[[Any], float] | None = None


def run(pair: Pair, repeats: int = 5) -> dict[str, Any]:
    """Run a pair: one warm-up each with equal results asserted, then `repeats` alternations.

    Returns:
        Medians in CPU seconds, their ratio (peer / ours) and the machine.
    """
    pair.same(pair.ours(), pair.peer())
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(repeats):
        for side in ("ours", "peer"):
            began = time.process_time()
            result = getattr(pair, side)()
            spent = time.process_time() - began
            if side == "peer" and pair.peer_seconds is not None:
                spent = pair.peer_seconds(result)
            seconds[side].append(spent)
    ours, peer = (statistics.median(seconds[side]) for side in ("ours", "peer"))
    return {
        "name": pair.name,
        "peer": pair.peer_name,
        "ours_cpu_s": ours,
        "peer_cpu_s": peer,
        "ratio": peer / ours,
        "repeats": repeats,
        "machine": machine(),
    }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "cpu": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
        "threads": {key: value for key, value in os.environ.items() if key.endswith("_NUM_THREADS")},
    }
