"""ALS on a million users, a million items and a hundred million interactions, out of core.

    python -m benchmarks.scale_als FOLDER [--users 1000000 --items 1000000 --entries 100000000 --epochs 2]

The matrix, its transpose and both factor tables are memory-mapped files in FOLDER (1.4 GB at the full size, removed at
the end): the system may drop their pages whenever others need the memory, and what cannot be dropped is what the report
calls anonymous. Users are drawn one by one straight into the file, with a popularity that falls as a power of the rank.
The objective over all pairs must fall with every sweep. Prints one JSON line per step: wall and CPU seconds, objective,
and the peaks of anonymous and of all resident memory (mapped pages in it) since the start, in MB.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from shortlist.core.types import Array, Ints, offsets_of
from shortlist.models.retrieval._als_sweeps import Problem, objective, start_vectors, sweep
from shortlist.models.retrieval._compact import Compact
from shortlist.models.retrieval._sampling import random_bits

PIECE = 20_000
"""Users drawn, or rows started, at once."""


class Watch:
    """Peaks of this process's memory, read ten times a second, and the time since the last report."""

    def __init__(self) -> None:
        self.peaks = {"RssAnon": 0.0, "VmRSS": 0.0}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._marks = (time.perf_counter(), time.process_time())

    def _run(self) -> None:
        while not self._done.wait(0.1):
            self._read()

    def _read(self) -> None:
        for line in Path("/proc/self/status").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in self.peaks:
                self.peaks[name] = max(self.peaks[name], int(rest.split()[0]) * 1024 / 1e6)

    def report(self, step: str, **facts: Any) -> None:
        """One line about what was done since the last one."""
        self._read()
        wall, cpu = self._marks
        took = {"wall_s": round(time.perf_counter() - wall, 1), "cpu_s": round(time.process_time() - cpu, 1)}
        peaks = {"anonymous_mb": round(self.peaks["RssAnon"]), "resident_mb": round(self.peaks["VmRSS"])}
        print(json.dumps({"step": step, **took, **peaks, **facts}), flush=True)
        self._marks = (time.perf_counter(), time.process_time())

    def stop(self) -> None:
        """End the reading."""
        self._done.set()
        self._thread.join()


def main(arguments: list[str] | None = None) -> None:
    """Draw, transpose, sweep, report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale_als")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--entries", type=int, default=100_000_000)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--solver", default="cg")
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args(arguments)
    made: list[Path] = []

    def mapped(name: str, shape: tuple[int, ...], kind: Any) -> Array:
        made.append(chosen.folder / name)
        return np.memmap(made[-1], dtype=kind, mode="w+", shape=shape)

    chosen.folder.mkdir(parents=True, exist_ok=True)
    watch = Watch()
    try:
        run(chosen, mapped, watch)
    finally:
        watch.stop()
        for file in made:
            file.unlink(missing_ok=True)


def run(chosen: Any, mapped: Any, watch: Watch) -> list[float]:
    """The whole of it; returns the objective after each sweep."""
    indptr = lengths(chosen.users, chosen.items, chosen.entries)
    indices = mapped("indices", (int(indptr[-1]),), np.int32)
    draw(indptr, indices, chosen.items)
    x = Compact(indptr, indices, np.full(1, 9.0, np.float32), chosen.items)
    watch.report("drawn", users=x.rows, items=x.columns, entries=len(indices))
    xt = x.transposed(mapped("transposed", indices.shape, np.int32))
    watch.report("transposed", most_for_an_item=int(np.diff(xt.indptr).max()))
    rng = np.random.default_rng(0)
    users, items = (
        start_vectors(rng, n, chosen.factors, 0.01, into=mapped(name, (n, chosen.factors), np.float32))
        for name, n in (("users", x.rows), ("items", x.columns))
    )
    problem = Problem(reg=10.0, solver=chosen.solver)
    watch.report("started")
    seen: list[float] = []
    for n in range(chosen.epochs):
        sweep(problem, x, xt, users, items, threads=chosen.threads)
        watch.report(f"sweep {n + 1}")
        seen.append(objective(problem, x, xt, users, items))
        watch.report("objective", value=seen[-1])
    assert all(later < earlier for earlier, later in pairwise(seen)), seen
    return seen


def lengths(users: int, items: int, entries: int) -> Ints:
    """int64[U+1], offsets of log-normal activities between 5 and a tenth of the catalogue."""
    wish = np.random.default_rng(0).lognormal(0.0, 1.1, users)
    for _ in range(30):
        wish = np.clip(wish * (entries / wish.sum()), min(5, items), max(5, items // 10))
    return offsets_of(wish.astype(np.int64))


def draw(indptr: Ints, indices: Array, items: int) -> None:
    """Every user's distinct items, sorted, into the file."""
    state = np.array([1], np.uint64)
    owner = np.full(items, -1, np.int32)
    step = _coprime(items)
    for first in range(0, len(indptr) - 1, PIECE):
        last = min(first + PIECE, len(indptr) - 1)
        _draw(state, first, last, indptr, owner, step, indices)


def _coprime(n: int) -> int:
    """A step that visits all of 0..n-1, to scatter popular items over the ids."""
    step = int(n * 0.618) | 1
    while np.gcd(step, n) > 1:
        step += 2
    return step


@njit(cache=True, nogil=True)
def _draw(state: Array, first: int, last: int, indptr: Array, owner: Array, step: int, indices: Array) -> None:
    items = len(owner)
    for u in range(first, last):
        taste = np.float64(random_bits(state) >> np.uint64(11)) / 9007199254740992.0
        e = indptr[u]
        while e < indptr[u + 1]:
            luck = np.float64(random_bits(state) >> np.uint64(11)) / 9007199254740992.0
            rank = np.int64(items * luck**3)  # popular first
            if random_bits(state) % np.uint64(4) > np.uint64(0):  # three of four near the user's own taste
                rank = np.int64(items * ((taste + 0.05 * luck**3) % 1.0))
            item = rank * step % items
            if owner[item] != u:
                owner[item] = u
                indices[e] = item
                e += 1
        indices[indptr[u] : indptr[u + 1]].sort()


if __name__ == "__main__":
    main()
