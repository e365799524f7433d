"""Sequence models beside `trails`, alone and fused with it: the tables of docs/results.md.

    python -m benchmarks.sequences ml-100k --models sasrec,gru4rec --seeds 0,1,2
    python -m benchmarks.sequences beauty --models esasrec --refit

Protocol leave-last-out, full ranking, seen items left out, ties against the model. Two columns, not to be mixed:

strict      the last two events of each user are not learned from (the one before the last decides when to stop)
refreshed   fitted again on all but the last event, for the number of epochs found (`--refit`)

The history at test time holds the validation event in both. The weight of a fusion is chosen on validation events with
parts that have not learned from them. Settings are those of boards/sequence-<data>.toml.
"""

from __future__ import annotations

import argparse
import json
import time
import zlib
from typing import Any

import numpy as np

from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.types import Requests
from shortlist.data.catalog import load
from shortlist.data.splits import Split, split
from shortlist.evaluation.board import load_board
from shortlist.evaluation.evaluator import evaluate
from shortlist.evaluation.stats import bootstrap_intervals
from shortlist.models.retrieval.fusion import Fusion, add_standard

METRICS = ("hit_rate", "ndcg")
GRID = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.75, 1.0, 1.5, 2.5)
"""Weights of `trails` beside 1 for the network."""
ASKED = 2000
"""Validation users that choose the weight."""


def main() -> None:
    """Print one JSON line per row, then a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sequences")
    parser.add_argument("data")
    parser.add_argument("--models", default="sasrec")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--refit", action="store_true", help="the refreshed column too")
    parser.add_argument("--fuse", action="store_true", help="with trails as well")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON", help="another setting")
    parser.add_argument("--checkpoint", default="", help="folder from which an interrupted run goes on")
    chosen = parser.parse_args()
    data, board = load(chosen.data), load_board(f"sequence-{chosen.data}")
    options = board.options
    settings = {row.model: row.config for row in board.row}
    parts = split(data, "leave-last-out", **options)
    apart = split(data, "leave-last-out", strict=True, **options)
    counted = {
        "strict": registry.create("trails", "retriever").fit(apart.train),
        "refreshed": registry.create("trails", "retriever").fit(parts.train),
    }
    for column, trails in counted.items():
        show(chosen.data, "trails", column, judge(trails, parts))
    extra = {key: json.loads(value) for key, value in (each.split("=", 1) for each in chosen.set)}
    for name in chosen.models.split(","):
        for seed in map(int, chosen.seeds.split(",")):
            own = {**settings[name], **extra}
            run(chosen.data, name, seed, parts, counted, own, chosen)


def run(
    data: str, name: str, seed: int, parts: Split, counted: dict[str, Any], settings: dict[str, Any],
    chosen: argparse.Namespace,
) -> None:  # fmt: skip
    """One model with one seed: strict, refreshed, and both fused with trails."""
    ctx = FitContext(seed=seed, threads=1)
    kind = registry.load(name, "retriever")
    if chosen.checkpoint:
        other = zlib.crc32(json.dumps(settings, sort_keys=True).encode())
        settings["checkpoint"] = f"{chosen.checkpoint}/{data}-{name}-{seed}-{other}"
    model = kind(refit=False, **settings).fit(parts.train, ctx)
    found = model.report_["search"]
    about = {
        "seed": seed,
        "epochs": found["best_epoch"],
        "valid": round(found["best"], 4),
        "core_s": round(found["core_seconds"]),
    }
    models, alone = {"strict": model}, {"strict": judge(model, parts)}
    show(data, name, "strict", alone["strict"], **about)
    if chosen.refit:
        began = time.process_time()
        whole = {**settings, "epochs": found["best_epoch"], "validation_users": 0}
        models["refreshed"] = kind(**whole).fit(parts.train, ctx)
        alone["refreshed"] = judge(models["refreshed"], parts)
        show(data, name, "refreshed", alone["refreshed"], **about, refit_core_s=round(time.process_time() - began))
    if not chosen.fuse:
        return
    weight, value = choose(model, counted["strict"], parts)
    for column, fitted in models.items():
        both = Fusion.of({name: fitted, "trails": counted[column]}, [1.0, weight])
        fused = judge(both, parts)
        gain = fused.per_user["ndcg@10"] - alone[column].per_user["ndcg@10"]
        low, high = (float(edge[0]) for edge in bootstrap_intervals(gain[:, None], draws=1000, level=0.95, seed=0))
        show(
            data, f"{name}+trails", column, fused, seed=seed, weight=weight, valid=round(value, 4),
            gain_over_model=[round(low, 4), round(high, 4)],
        )  # fmt: skip


def judge(model: Any, parts: Split) -> Any:
    """Figures on the test events."""
    return evaluate(model, parts, 10, metrics=METRICS, intervals=0)


def choose(network: Any, trails: Any, parts: Split) -> tuple[float, float]:
    """The weight of trails with the best NDCG@10 on validation events, and that figure."""
    test = parts.tune_test
    rows = np.arange(len(test))
    if len(rows) > ASKED:
        rows = np.sort(np.random.default_rng(0).choice(len(rows), ASKED, replace=False))
    totals = np.zeros(len(GRID))
    for start in range(0, len(rows), 250):
        some = rows[start : start + 250]
        requests = test.requests(10).take(some)
        one, two = standard(network, requests), standard(trails, requests)
        truth = test.truth.item[test.truth.offsets[some]]
        for n, weight in enumerate(GRID):
            totals[n] += ndcg(one + weight * two, truth, requests).sum()
    best = int(np.argmax(totals))
    return GRID[best], float(totals[best] / len(rows))


def standard(model: Any, requests: Requests) -> np.ndarray:
    """float64[B, M], z-scores as `fusion` makes them."""
    shape = (len(requests), model.n_items_)
    out, known = np.zeros(shape), np.zeros(shape, bool)
    add_standard(model.score_block(requests), model.n_items_, 1.0, out, known)
    return out


def ndcg(scores: np.ndarray, truth: np.ndarray, requests: Requests) -> np.ndarray:
    """float64[B], of one wanted item each, seen items out, ties against it."""
    scores = scores.copy()
    scores[requests.history.row, requests.history.item] = -np.inf
    own = scores[np.arange(len(truth)), truth]
    before = (scores >= own[:, None]).sum(1) - 1
    return np.where((before < 10) & np.isfinite(own), 1 / np.log2(before + 2.0), 0.0)


def show(data: str, model: str, column: str, result: Any, **more: Any) -> None:
    """One line."""
    figures = {"HR@10": round(result.metrics["hit_rate@10"], 4), "NDCG@10": round(result.metrics["ndcg@10"], 4)}
    print(json.dumps({"data": data, "model": model, "column": column, **figures, **more}), flush=True)


if __name__ == "__main__":
    main()
