"""One side of a pair in a process of its own: `python worker.py SCRIPT GIVEN`, driven by `peers.Peer`.

Runs in an environment that has numpy and the peer, not this project. The script defines `prepare(given)`, called once
and not timed, and `work(ready)`, called for every line on standard input, which names the file the answer goes to. The
answer is what it returns, arrays by name, or what `after(ready, result)`, which is not timed either, makes of that.
"""

from __future__ import annotations

import contextlib
import json
import resource
import runpy
import sys
import time
from pathlib import Path

import numpy as np


def csr(given, name="x"):
    """The matrix that `peers.packed` wrote: CSR, as scipy's `csr_matrix`."""
    from scipy.sparse import csr_matrix

    parts = tuple(given[f"{name}_{part}"] for part in ("data", "indices", "indptr"))
    return csr_matrix(parts, shape=tuple(given[f"{name}_shape"]))


def main():
    """Answer until standard input ends."""
    script = runpy.run_path(sys.argv[1])
    with np.load(sys.argv[2]) as file:
        given = {name: file[name] for name in file.files}
    given.update(json.loads(str(given.pop("settings"))))
    ready = script["prepare"](given) if "prepare" in script else given
    for line in sys.stdin:
        before = _fresh_peak()
        cpu, wall = _cpu(), time.perf_counter()
        found = script["work"](ready)
        cpu, wall = _cpu() - cpu, time.perf_counter() - wall
        peak = _status("VmHWM")
        found = script["after"](ready, found) if "after" in script else found
        facts = json.dumps({"cpu_s": cpu, "wall_s": wall, "peak_mb": peak - before, "process_mb": peak})
        np.savez(line.strip(), facts=np.array(facts), **(found or {}))
        print("done", flush=True)


def _cpu():
    """CPU seconds of all threads and of children that ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _fresh_peak():
    """Forget the peak of memory so far, where the system can; returns what is in memory now, in MB."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name):
    """A line of the process's memory report, in MB of 10^6 bytes; the peak of all time where there is none."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(name))


if __name__ == "__main__":
    main()
