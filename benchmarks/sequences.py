"""Sequence models beside `trails`, alone and fused with it: the tables of docs/results.md.

    python -m benchmarks.sequences ml-100k --models sasrec,gru4rec --seeds 0,1,2 --fuse --together
    python -m benchmarks.sequences ml-100k --models sasrec --control shuffled
    python -m benchmarks.sequences beauty --models esasrec --refit

Protocol leave-last-out, full ranking, seen items left out, ties against the model. Two columns, not to be mixed:

strict      the last two events of each user are not learned from (the one before the last decides when to stop)
refreshed   fitted again on all but the last event, for the number of epochs found (`--refit`)

The history at test time holds the validation event in both. The weights of a fusion are chosen on validation events
with parts that have not learned from them. Settings are those of boards/sequence-<data>.toml, a model's own where it is
not on the board. Several seeds end in a row of their mean, with a 95 % interval over users of each user's mean, and
paired gains of fusions over their parts.

Controls say what a figure comes from: `shuffled` takes the order out of all histories, learned from and asked with, and
`bce` compares with one random item instead of the whole catalogue.
"""

from __future__ import annotations

import argparse
import json
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmarks.options import add_settings
from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, Floats, History, Requests
from shortlist.data.catalog import load
from shortlist.data.dataset import Dataset
from shortlist.data.splits import Split, Targets, split
from shortlist.doors.cli.output import progress
from shortlist.evaluation.board import load_board
from shortlist.evaluation.evaluator import evaluate
from shortlist.evaluation.stats import bootstrap_intervals
from shortlist.models.retrieval.fusion import Fusion, add_standard

METRICS = ("hit_rate", "ndcg")
SHOWN = {"HR@10": "hit_rate@10", "NDCG@10": "ndcg@10"}
GRID = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.75, 1.0, 1.5, 2.5)
"""Weights of the further parts of a fusion beside 1 for its first network."""
ASKED, SCORES = 2000, 21_000_000
"""Validation users that choose the weights: this many, or as many as have this many scores."""
ROUNDS = 3
"""Passes over the weights of a fusion of more than two parts."""
BCE: Mapping[str, Any] = {"loss": "bce", "negatives": 1, "negatives_per_event": True}
"""The original loss of SASRec."""


@dataclass
class Bench:
    """What every row of a run shares.

    Attributes:
        data: name of the data set.
        parts: the split with refreshed counts; its test part is asked.
        counted: `trails` by column.
        chosen: command line.
        kept: per-user figures of every row and column, one entry per seed; what the means are made of.
        networks: fitted models by seed, column and name, while a later fusion needs them.
    """

    data: str
    parts: Split
    counted: dict[str, Any]
    chosen: argparse.Namespace
    kept: dict[tuple[str, str], list[Mapping[str, Floats]]] = field(default_factory=dict)
    networks: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)

    def judge(self, label: str, column: str, model: Any, **more: Any) -> Mapping[str, Floats]:
        """Figures of one row on the test events: printed, kept and returned per user."""
        result = evaluate(model, self.parts, 10, metrics=METRICS, intervals=0)
        figures = {name: round(result.metrics[metric], 4) for name, metric in SHOWN.items()}
        self.kept.setdefault((label, column), []).append(result.per_user)
        self.show(label, column, **figures, **more)
        return result.per_user

    def show(self, label: str, column: str, **figures: Any) -> None:
        """One line."""
        print(json.dumps({"data": self.data, "model": label, "column": column, **figures}), flush=True)


def main() -> None:
    """Print one JSON line per row, then those of the means."""
    chosen = arguments()
    data, board = load(chosen.data), load_board(f"sequence-{chosen.data}")
    settings = {row.model: row.config for row in board.row}
    parts = split(data, "leave-last-out", **board.options)
    apart = split(data, "leave-last-out", strict=True, **board.options)
    train = {"strict": apart.train, "refreshed": parts.train}
    if chosen.control == "shuffled":
        train = {column: without_order(part, seed=0) for column, part in train.items()}
        parts = replace(parts, train=train["refreshed"], test=asked_without_order(parts.test, seed=1))
    counts = settings.get("trails", {})
    counted = {column: registry.create("trails", "retriever", **counts).fit(part) for column, part in train.items()}
    bench = Bench(chosen.data, parts, counted, chosen)
    for column, trails in counted.items():
        bench.judge("trails", column, trails)
    extra = dict(chosen.settings)
    extra |= BCE if chosen.control == "bce" else {}
    for seed in map(int, chosen.seeds.split(",")):
        for name in chosen.models.split(","):
            with progress(f"{chosen.data} {name} {seed}") as tell:
                run(bench, name, seed, {**settings.get(name, {}), **extra}, FitContext(seed, 1, tell))
        if chosen.together:
            for column in ("strict", "refreshed") if chosen.refit else ("strict",):
                fuse(bench, bench.networks[seed, column], column, seed)
        bench.networks.clear()
    summarise(bench)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sequences")
    parser.add_argument("data")
    parser.add_argument("--models", default="sasrec")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--refit", action="store_true", help="the refreshed column too")
    parser.add_argument("--fuse", action="store_true", help="each with trails as well")
    parser.add_argument("--together", action="store_true", help="all of a seed with trails as well")
    parser.add_argument("--control", choices=("shuffled", "bce"))
    add_settings(parser)
    parser.add_argument("--checkpoint", default="", help="folder from which an interrupted run goes on")
    chosen = parser.parse_args()
    if chosen.control and (chosen.fuse or chosen.together):
        parser.error("a control stands alone: leave --fuse and --together out")
    return chosen


def run(bench: Bench, name: str, seed: int, settings: dict[str, Any], ctx: FitContext) -> None:
    """One model with one seed: strict, refreshed, and both fused with trails."""
    chosen, train = bench.chosen, bench.parts.train
    kind = registry.load(name, "retriever")
    if chosen.checkpoint:
        lasting = {key: value for key, value in settings.items() if key not in ("epochs", "max_core_seconds")}
        other = zlib.crc32(json.dumps(lasting, sort_keys=True).encode())
        settings["checkpoint"] = f"{chosen.checkpoint}/{bench.data}-{name}-{seed}-{other}" + (chosen.control or "")
    model = kind(refit=False, **settings).fit(train, ctx)
    found = model.report_["search"]
    about = {
        "seed": seed,
        "epochs": found["best_epoch"],
        "valid": round(found["best"], 4),
        "core_s": round(found["core_seconds"]),
    }
    label = f"{name} ({chosen.control})" if chosen.control else name
    models = {"strict": model}
    bench.judge(label, "strict", model, **about)
    if chosen.refit:
        began = time.process_time()
        steps = {"epochs": found["best_epoch"], "learning_rate_drops_after": found["dropped_after"]}
        whole = {**settings, **steps, "validation_users": 0}
        models["refreshed"] = kind(**whole).fit(train, ctx)
        spent = round(time.process_time() - began)
        bench.judge(label, "refreshed", models["refreshed"], **about, refit_core_s=spent)
    for column, fitted in models.items():
        if chosen.fuse:
            fuse(bench, {name: fitted}, column, seed, {name: model})
        if chosen.together:
            bench.networks.setdefault((seed, column), {})[name] = fitted


def fuse(
    bench: Bench, networks: Mapping[str, Any], column: str, seed: int, strict: Mapping[str, Any] | None = None
) -> None:
    """Networks of a column with the trails of that column, by the weights that suit the strict ones at validation."""
    if strict is None:
        strict = networks if column == "strict" else bench.networks[seed, "strict"]
    assert bench.parts.tune_test is not None
    weights, value = choose([*strict.values(), bench.counted["strict"]], bench.parts.tune_test)
    both = Fusion.of({**networks, "trails": bench.counted[column]}, weights)
    bench.judge("+".join([*networks, "trails"]), column, both, seed=seed, weights=weights, valid=round(value, 4))


def summarise(bench: Bench) -> None:
    """Means over seeds with intervals over users, and what fusions gain over each of their parts."""
    for (label, column), seeds in bench.kept.items():
        figures: dict[str, Any] = {"seeds": len(seeds)}
        for shown, metric in SHOWN.items():
            own = averaged(seeds, metric)
            figures[shown] = round(float(own.mean()), 4)
            figures[f"{shown} 95%"] = interval(own)
            figures[f"{shown} of seeds"] = [round(float(each[metric].mean()), 4) for each in seeds]
        for part in label.split("+") if "+" in label else ():
            if (part, column) in bench.kept:
                gain = averaged(seeds, "ndcg@10") - averaged(bench.kept[part, column], "ndcg@10")
                figures[f"NDCG@10 over {part} 95%"] = interval(gain)
        bench.show(f"mean {label}", column, **figures)


def averaged(seeds: Sequence[Mapping[str, Floats]], metric: str) -> Floats:
    """float64[B], each user's mean over seeds."""
    own: Floats = np.mean([each[metric] for each in seeds], axis=0)
    return own


def interval(values: Floats) -> list[float]:
    """Both ends of the 95 % bootstrap interval of a mean over users."""
    return [round(float(edge[0]), 4) for edge in bootstrap_intervals(values[:, None], draws=1000, level=0.95, seed=0)]


def choose(parts: Sequence[Any], test: Targets) -> tuple[list[float], float]:
    """Weights of fitted parts with the best NDCG@10 on validation events, the first being 1, and that figure."""
    rows, asked = np.arange(len(test)), max(ASKED, SCORES // parts[0].n_items_)
    if len(rows) > asked:
        rows = np.sort(np.random.default_rng(0).choice(len(rows), asked, replace=False))
    requests = test.requests(10).take(rows)
    truth = test.truth.item[test.truth.offsets[rows]]
    blocks = [standard(part, requests) for part in parts]
    tried: dict[tuple[float, ...], float] = {}

    def value(weights: tuple[float, ...]) -> float:
        if weights not in tried:
            total = sum(w * block for w, block in zip(weights, blocks, strict=True))
            tried[weights] = float(ndcg(np.asarray(total), truth, requests).mean())
        return tried[weights]

    best = (1.0, *[0.5] * (len(parts) - 1))
    for _ in range(1 if len(parts) == 2 else ROUNDS):
        before = best
        for place in range(1, len(parts)):
            best = max(((*best[:place], step, *best[place + 1 :]) for step in GRID), key=value)
        if best == before:
            break
    return list(best), value(best)


def standard(model: Any, requests: Requests) -> Array:
    """float32[B, M], z-scores as `fusion` makes them."""
    out = np.zeros((len(requests), model.n_items_), np.float32)
    for start in range(0, len(requests), 250):
        some = requests.take(np.arange(start, min(start + 250, len(requests))))
        part, known = np.zeros((len(some), model.n_items_)), np.zeros((len(some), model.n_items_), bool)
        add_standard(model.score_block(some), model.n_items_, 1.0, part, known)
        out[start : start + len(some)] = part
    return out


def ndcg(scores: Array, truth: Array, requests: Requests) -> Floats:
    """float64[B], of one wanted item each, seen items out, ties against it; writes into `scores`."""
    scores[requests.history.row, requests.history.item] = -np.inf
    own = scores[np.arange(len(truth)), truth]
    before = (scores >= own[:, None]).sum(1) - 1
    found: Floats = np.where((before < 10) & np.isfinite(own), 1 / np.log2(before + 2.0), 0.0)
    return found


# --- controls --------------------------------------------------------------------------------------------------------


def without_order(data: Dataset, seed: int) -> Dataset:
    """The same data, each user's items dealt at random to the places of their events."""
    events, rng = data.interactions, np.random.default_rng(seed)
    item = events.item.copy()
    item[events.user_order] = events.item[np.lexsort((rng.random(len(events)), events.user))]
    return replace(data, interactions=replace(events, item=item), name=f"{data.name} without order")


def asked_without_order(test: Targets, seed: int) -> Targets:
    """The same questions, each with its history in a random order."""
    history = test.history
    order = np.lexsort((np.random.default_rng(seed).random(len(history.item)), history.row))
    mixed = History(history.item[order], history.at, history.offsets)
    return Targets(test.user, test.now, mixed, test.truth, test.value, test.rows)


if __name__ == "__main__":
    main()
