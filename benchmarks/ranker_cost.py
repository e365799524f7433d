"""What one request's candidates cost each kind of ranker: `python -m benchmarks.ranker_cost`.

500 candidates of one request, one thread: CPU milliseconds of `score`, median of alternating calls, of the ranker as a
server runs it (its graph) and by torch. Columns are made: ids of the user and the item, four codes, six numbers; half
of them are the request's, and are shared. Behaviour models read 50 events. Weights are those of one pass over few rows:
what a network costs does not depend on what it has learned. Prints one JSON line per ranker.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine
from shortlist.core import registry
from shortlist.core.contracts import FitContext, Shown
from shortlist.core.types import Array, Candidates, History, Requests
from shortlist.models.ranking._served import ServedRanker

ROWS, EVENTS, ITEMS, TURNS = 500, 50, 2_000, 60
NAMES = ("lr", "fm", "wide_deep", "deepfm", "dcn_v2", "mmoe", "history_mean", "din", "gbdt")
OWN: dict[str, dict[str, Any]] = {"mmoe": {"tasks": ("click", "buy")}}
"""Settings that a ranker has beside its defaults."""


def main() -> None:
    """Measure each ranker named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ranker_cost")
    parser.add_argument("names", nargs="*", default=list(NAMES))
    parser.add_argument("--turns", type=int, default=TURNS)
    chosen = parser.parse_args()
    for name in chosen.names:
        print(json.dumps({"ranker": name, **measure(name, chosen.turns), "load": machine()["load_1min"]}), flush=True)


def measure(name: str, turns: int = TURNS) -> dict[str, Any]:
    """Median CPU milliseconds for 500 candidates by name of the way."""
    asked, row, item, columns = _world(60, 10)
    label = (np.random.default_rng(1).random(len(row)) < 0.3).astype(float)
    kind = registry.load(name, "ranker")
    settings: dict[str, Any] = dict(OWN.get(name, {}))
    if name != "gbdt":
        settings |= {"epochs": 1, "validation_users": 0, "id_columns": ("user", "item", "u0", "u1", "i0", "i1")}
    model = kind(**settings)
    labels = dict.fromkeys(model.tasks, label) if len(model.tasks) > 1 else label
    model.fit_rows(columns, labels, row, FitContext(seed=1, threads=1), shown=Shown(asked, row, item))
    ways: dict[str, Any] = {"own": model}
    if hasattr(model, "export"):
        with tempfile.TemporaryDirectory() as folder:
            model.save(folder)
            model.export(folder)
            ways = {"graph": ServedRanker(name, Path(folder)), "torch": model}
    asked, row, item, columns = _world(1, ROWS, seed=2)
    table = Candidates(row.astype(np.int32), item, 1, columns)
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(turns):
        for way, each in ways.items():
            began = time.process_time()
            each.score(asked, table)
            taken[way].append((time.process_time() - began) * 1e3)
    return {f"{way}_ms": round(statistics.median(times), 3) for way, times in taken.items()}


def _world(requests: int, shown: int, seed: int = 0) -> tuple[Requests, Array, Array, dict[str, Array]]:
    rng, n = np.random.default_rng(seed), requests * shown
    row, item = np.repeat(np.arange(requests), shown), rng.integers(0, ITEMS, n)
    columns = {"user": rng.integers(0, 1_000, requests)[row].astype(float), "item": item.astype(float)}
    for at in range(2):
        columns |= {f"u{at}": rng.integers(0, 50, requests)[row].astype(float)}
        columns |= {f"i{at}": rng.integers(0, 50, n).astype(float)}
    for at in range(3):
        columns |= {f"un{at}": rng.normal(size=requests)[row], f"in{at}": rng.normal(size=n)}
    now = 1.7e9 + np.arange(requests) * 60.0
    pasts = [rng.integers(0, ITEMS, EVENTS).tolist() for _ in range(requests)]
    at = [np.sort(moment - rng.uniform(1, 1e6, EVENTS)).tolist() for moment in now]
    return Requests.of([-1] * requests, now=now, history=History.of(pasts, at)), row, item, columns


if __name__ == "__main__":
    main()
