"""What rankers that read pasts need for 500 candidates of one request: CPU time with the past shared, and row by row.

    python -m benchmarks.pasts
    python -m benchmarks.pasts --models din,bst --candidates 100 --events 200

Five columns of codes and five quantities; items have a year and one to three genres of eighteen. Networks have their
default sizes and are fitted for one pass on made rows, which changes no time. `rows` is the network as training reads
it, a past per row, in blocks of 128 in the same double precision; both give the same scores, asserted in the same run.
`graph` is a call of the published ranker with onnxruntime, in single precision.
Times are medians of alternating calls on one thread.
"""

from __future__ import annotations

import argparse
import copy
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.behaviour import presets
from shortlist.core import registry
from shortlist.core.contracts import FitContext, Shown
from shortlist.core.types import Candidates, Floats, History, Requests
from shortlist.testing.worlds import dataset_of

ITEMS, GENRES, NOW, TAUGHT, BLOCK, TURNS = 2000, 18, 1e9, 512, 128, 15


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pasts")
    parser.add_argument("--models", default="all", help="names, or all")
    parser.add_argument("--candidates", type=int, default=500)
    parser.add_argument("--events", type=int, default=50)
    chosen = parser.parse_args()
    print(f"{chosen.candidates} candidates, a past of {chosen.events} events, ms CPU\n")
    print("| model | past shared | of it the network | row by row: the network | graph | load |")
    print("|---|---|---|---|---|---|")
    for name in presets() if chosen.models == "all" else chosen.models.split(","):
        model = fitted(name, chosen.events)
        requests, candidates = asked(1, chosen.candidates, chosen.events, seed=1)
        cells = [f"{spent:.1f}" for spent in (*times(name, model, requests, candidates), os.getloadavg()[0])]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def asked(n: int, each: int, events: int, seed: int) -> tuple[Requests, Candidates]:
    """Requests with pasts of so many events, and their candidates with ten columns."""
    rng = np.random.default_rng(seed)
    at = NOW - 900.0 * np.arange(events, 0, -1.0) ** 1.5
    history = History.of(rng.integers(0, ITEMS, (n, events)).tolist(), [at.tolist()] * n)
    columns: dict[str, Any] = {f"code{j}": rng.integers(0, 50, n * each).astype(float) for j in range(5)}
    columns |= {f"quantity{j}": rng.normal(size=n * each) for j in range(5)}
    row = np.repeat(np.arange(n, dtype=np.int32), each)
    requests = Requests.of([-1] * n, now=NOW, history=history)
    return requests, Candidates(row, rng.integers(0, ITEMS, n * each), n, columns)


def fitted(name: str, events: int) -> Any:
    """The model after a pass over made rows."""
    rng = np.random.default_rng(0)
    genres = [[f"g{g}" for g in rng.choice(GENRES, rng.integers(1, 4), replace=False)] for _ in range(ITEMS)]
    data = dataset_of([(0, 0, 0.0)], n_users=1, n_items=ITEMS)
    years = rng.integers(1950, 2000, ITEMS).astype(str)
    data = replace(data, item_table=pl.DataFrame({"item_id": data.items.ids, "genres": genres, "year": years}))
    options: dict[str, Any] = {"item_columns": ("year", "genres"), "epochs": 1, "max_len": max(events, 1)}
    if name == "sim":
        options["searched_column"] = "genres"
    requests, rows = asked(TAUGHT, 1, events, seed=0)
    codes = tuple(column for column in rows.cols if column.startswith("code"))
    model = registry.create(name, "ranker", id_columns=codes, **options)
    label = rng.integers(0, 2, TAUGHT).astype(float)
    shown = Shown(requests, rows.row.astype(np.int64), rows.item, data)
    return model.fit_rows(rows.cols, label, np.arange(TAUGHT), FitContext(seed=0, threads=1), shown=shown)


def times(name: str, model: Any, requests: Requests, candidates: Candidates) -> list[float]:
    """Milliseconds of a call, of the network with the past shared, of it row by row, and of a call of the graph."""
    import torch

    from shortlist.models.ranking._served import ServedRanker
    from shortlist.models.ranking.base import matrix_of
    from shortlist.models.ranking.behaviour.base import Rows

    n = len(candidates)
    torch.set_num_threads(1)
    x = Rows(matrix_of(candidates.cols, model.columns_, n), Shown(requests, candidates.row, candidates.item))
    encoded = model._encoded(model._vocabularies(), x)
    net = copy.deepcopy(model.module_).double()

    def by_row() -> Floats:
        out = []
        with torch.inference_mode():
            for start in range(0, n, BLOCK):
                part: Mapping[str, Any] = {key: values[start : start + BLOCK] for key, values in encoded.items()}
                wide = {key: part[key].double() if part[key].is_floating_point() else part[key] for key in part}
                out.append(net(wide)[0].float().double().numpy())
        return np.concatenate(out)

    with tempfile.TemporaryDirectory() as folder:
        model.save(folder)
        model.export(folder)
        graph = ServedRanker(name, Path(folder))
    ways: list[Callable[[], Any]] = [
        lambda: model.score(requests, candidates),
        lambda: model._logits_of(encoded, n),
        by_row,
        lambda: graph.score(requests, candidates),
    ]
    assert np.abs(ways[1]() - by_row()).max() < 1e-6, "the shared past changes scores"
    assert np.abs(ways[0]() - ways[3]()).max() < 1e-5, "the graph changes scores"
    spent = np.empty((TURNS, len(ways)))
    for turn in range(TURNS):
        for way, ask in enumerate(ways):
            began = time.process_time()
            ask()
            spent[turn, way] = time.process_time() - began
    found: list[float] = (1e3 * np.median(spent, axis=0)).tolist()
    return found


if __name__ == "__main__":
    main()
