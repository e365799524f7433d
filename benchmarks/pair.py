"""Time two ways of doing one thing, alternating, in CPU seconds.

Alternation spreads what the machine does meanwhile over both sides; the median forgets its outliers. The figure that
counts is the ratio within one run, never a time across runs.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.goals import GOALS
from benchmarks.peers import Answer

REPEATS = 5


@dataclass(frozen=True)
class Pair:
    """Ours and a peer.

    Attributes:
        name: what is done, on what.
        ours: the work, returning what `same` compares; an `Answer` brings its own time, anything else is timed here.
        peer: the same work done by the peer; None for a figure of ours alone.
        peer_name: who the peer is, with its version.
        same: raises AssertionError when the two results differ or one is worse. What it returns is recorded, by name,
            as figures of ours and the peer's; names of goals are measured against them.
        goal: key of the goal that this pair measures, if any (see `goals`).
        value: the goal's figure from the medians of ours and the peer's; the peer's over ours by default.
        measure: "cpu_s", "wall_s" or, where both results are an `Answer`, "peak_mb".
        repeats: alternations, at most what the command asks for; the long ones take 3.
        warm_up: whether a first run is compared and forgotten; without, the first timed one is compared.
        threads: what both sides may use.
    """

    name: str
    ours: Callable[[], Any]
    peer: Callable[[], Any] | None
    peer_name: str
    same: Callable[[Any, Any], dict[str, Any] | None]
    goal: str = ""
    value: Callable[[float, float], float] | None = None
    measure: str = "cpu_s"
    repeats: int = REPEATS
    warm_up: bool = True
    threads: int = 1

    def __post_init__(self) -> None:
        if self.goal and self.goal not in GOALS:
            raise ValueError(f"no goal is called {self.goal!r}; there are {', '.join(GOALS)}")


def run(pair: Pair, repeats: int = REPEATS) -> dict[str, Any]:
    """Run a pair: one warm-up each with equal results asserted, then alternations.

    Returns:
        What was done, the medians and every single figure of both sides, their ratio (peer / ours), the figures that
        `same` found and, by goal, the value.

    Raises:
        AssertionError: the results are not equal.
    """
    sides = {"ours": pair.ours, **({"peer": pair.peer} if pair.peer else {})}
    times = min(repeats, pair.repeats)
    taken: dict[str, list[float]] = {side: [] for side in sides}
    found: dict[str, Any] | None = None
    for turn in range(times + pair.warm_up):
        results = {}
        for side, work in sides.items():
            results[side], spent = _timed(work, pair.measure)
            if turn or not pair.warm_up:
                taken[side].append(spent)
        if found is None:
            found = pair.same(results["ours"], results.get("peer")) or {}
    ours = statistics.median(taken["ours"])
    peer = statistics.median(taken["peer"]) if pair.peer else math.nan
    goals = {name: float(found[name]) for name in found or {} if name in GOALS}
    if pair.goal:
        goals[pair.goal] = pair.value(ours, peer) if pair.value else peer / ours
    return {
        "name": pair.name,
        "peer": pair.peer_name,
        "measure": pair.measure,
        "threads": pair.threads,
        "repeats": times,
        "ours": ours,
        "theirs": peer if pair.peer else None,
        "ratio": peer / ours if pair.peer else None,
        "each": {side: [round(value, 6) for value in values] for side, values in taken.items()},
        "found": {name: value for name, value in (found or {}).items() if name not in GOALS},
        "goals": goals,
    }


def _timed(work: Callable[[], Any], measure: str) -> tuple[Any, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    took = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    if isinstance(result, Answer):
        return result, getattr(result, measure)
    return result, took[measure]


def quick() -> bool:
    """Whether small sizes are asked for (`--quick`): to see that everything runs, not to learn what it takes."""
    return os.environ.get("SHORTLIST_BENCH_QUICK") == "1"
