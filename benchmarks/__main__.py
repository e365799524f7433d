"""Run the pairs, keep what they found, print the table: `python -m benchmarks`, or `make bench`.

    python -m benchmarks                    every bench, then the table (the better part of an hour)
    python -m benchmarks --only bpr         the benches with "bpr" in their name
    python -m benchmarks --quick            small sizes, a few minutes: whether everything runs; never counts
    python -m benchmarks --table            the table of the newest results
    python -m benchmarks --docs             docs/benchmarks.md and its plot from the newest results

Ends with 1 when a pair failed or there are no peers, and with 2 when a figure that must hold does not. Pairs that
need a public data set which is not there are skipped, and said to be.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
import traceback
from collections.abc import Iterator
from typing import Any

import benchmarks
from benchmarks import table
from benchmarks.pair import REPEATS, run
from benchmarks.peers import PeersMissing, clean_environment, peers_python
from benchmarks.results import Run, newest
from shortlist.core.errors import DataError


def main() -> int:
    """Every module named `bench_*` offers `pairs()`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--only", default="", help="part of a bench's name")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="at most so many turns; long pairs take 3")
    parser.add_argument("--quick", action="store_true", help="small sizes; results are kept apart and never count")
    parser.add_argument("--table", action="store_true", help="print the table of the newest results")
    parser.add_argument("--docs", action="store_true", help="write docs/benchmarks.md from the newest results")
    chosen = parser.parse_args()
    if chosen.table or chosen.docs:
        if chosen.docs:
            table.write()
        print(table.plain(newest()))
        return 0
    try:
        peers_python()
    except PeersMissing as error:
        print(error, file=sys.stderr)
        return 1
    _settle(chosen.quick)
    ongoing = Run(quick=chosen.quick)
    failed = False
    for name in benches(chosen.only):
        for found in attempt(name, 1 if chosen.quick else chosen.repeats):
            failed |= "failed" in found
            ongoing.keep(name, found)
    print(f"kept in {ongoing.file}")
    results = ongoing.benches if chosen.quick else newest()
    print(table.plain(results))
    missed = not chosen.quick and any(line[-1] == "MISSED" for line in table.lines(results))
    return 1 if failed else 2 if missed else 0


def benches(part: str = "") -> list[str]:
    """Names of the modules that offer pairs."""
    names = [module.name for module in pkgutil.iter_modules(benchmarks.__path__)]
    return [name for name in names if name.startswith("bench_") and part in name]


def attempt(name: str, repeats: int) -> Iterator[dict[str, Any]]:
    """Run the pairs of a bench; one that fails is reported as such and the others go on."""
    try:
        for pair in importlib.import_module(f"benchmarks.{name}").pairs():
            print(f"{name}: {pair.name}, against {pair.peer_name or 'nobody'}", flush=True)
            try:
                found = run(pair, repeats)
                print(f"  {_said(found)}", flush=True)
            except Exception as error:
                traceback.print_exc()
                found = {"name": pair.name, "peer": pair.peer_name, "failed": f"{type(error).__name__}: {error}"}
            yield found
    except DataError as error:
        print(f"{name}: skipped, {error}", file=sys.stderr)
        yield {"name": name, "skipped": str(error)}
    except Exception as error:
        traceback.print_exc()
        yield {"name": name, "failed": f"{type(error).__name__}: {error}"}


def _said(found: dict[str, Any]) -> str:
    ratio = "" if found["ratio"] is None else f" against {found['theirs']:.4g}, ratio {found['ratio']:.2f}"
    more = {**found["goals"], **found["found"]}
    return f"{found['measure']} {found['ours']:.4g}{ratio} {more or ''}".rstrip()


def _settle(quick: bool) -> None:
    """Start again under the environment both sides run in; libraries read it when they are loaded."""
    if os.environ.get("SHORTLIST_BENCH_SETTLED") != "1":
        wanted = {**clean_environment(), "SHORTLIST_BENCH_SETTLED": "1", "SHORTLIST_BENCH_QUICK": str(int(quick))}
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]], wanted)


if __name__ == "__main__":
    sys.exit(main())
