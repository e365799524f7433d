"""Rankers of several tasks and scenarios on real rows: the tables of docs/results.md.

    python -m benchmarks.tasks census --models shared_bottom,omoe,mmoe,cgc,ple,alone --seeds 0,1,2 --keep runs
    python -m benchmarks.tasks stars --models shared_bottom,esmm,esm2,aitm,after --seeds 0,1,2
    python -m benchmarks.tasks funnel --models shared_bottom,esmm,esm2,aitm,after --seeds 0,1,2
    python -m benchmarks.tasks ages --models shared_bottom,plain,star,pepnet --seeds 0,1,2

census: Census-Income, its test part alone; whether somebody earns more than 50,000 and never married; all other columns
    but the weight.
stars: MovieLens 100K; whether a film got four stars, and of those five: a funnel. `esm2` is told of three stars too.
funnel: a made world of clicks and purchases. `esm2` is told of baskets too.
ages: MovieLens 1M; whether a film got four stars; scenarios are people under 25, to 34, and older.

Beside models of the registry: `alone`, a network per task; `after`, one for the later step of a funnel that only rows
of the earlier step teach; `plain`, without scenarios; `cgc`, `ple` with one level; `mmoe+pcgrad`, another balance;
`truth`, the chances that the made world draws from. All have the same widths, batches and patience. Compared are
`census` with `alone`, funnels with `after` and with `shared_bottom`, `ages` with `shared_bottom`: one network, a tower
per scenario.

Rows at random, 80/10/10: the second part only decides when to stop. To search settings, `--valid` prints nothing of the
third part. Fits are kept in the folder of `--keep` and not made again; a stopped fit goes on from its last pass.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.options import add_settings
from benchmarks.task_sets import PREPARED, Bench
from benchmarks.task_tables import Fit, figures, gains, table
from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.models.neural.optimiser import tables_of

SETTINGS: Mapping[str, dict[str, Any]] = {
    "census": {"factors": 4, "hidden": (64,), "towers": (32,), "dropout": 0.2, "learning_rate": 4e-3, "epochs": 30,
               "batch_size": 2048, "patience": 3, "start": 0.05},
    "stars": {"factors": 8, "hidden": (64,), "towers": (32,), "dropout": 0.3, "learning_rate": 4e-3, "epochs": 30,
              "batch_size": 2048, "patience": 3, "vector_reg": 1e-2},
    "funnel": {"factors": 8, "hidden": (64,), "towers": (32,), "dropout": 0.3, "learning_rate": 4e-3, "epochs": 30,
               "batch_size": 2048, "patience": 3, "vector_reg": 1e-2},
    "ages": {"factors": 16, "hidden": (64, 32), "towers": (16,), "dropout": 0.2, "learning_rate": 5e-3, "epochs": 15,
             "batch_size": 2048, "patience": 2, "vector_reg": 1e-3},
}  # fmt: skip
"""Ordinary sizes, the same for every model of a set. Only steps were looked for, on the second part: large ones for
large batches take a third of the time of 1e-3 for 512 rows, for the same figure."""
OWN: Mapping[tuple[str, str], dict[str, Any]] = {
    ("ages", "pepnet"): {"prior_columns": ("user", "item")},
    ("census", "ple"): {"levels": 2},
}
"""Settings of one model on one set."""
MORE_TASKS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("stars", "esm2"): ("fine", "liked", "loved"),
    ("funnel", "esm2"): ("click", "basket", "purchase"),
}
"""Tasks of models that want more of them than are judged."""
FLOOR = "shared_bottom"
"""What models are compared with."""
TWIN = "alone"
"""Name of networks with one task each."""
AFTER = "after"
"""Name of a network of the later step, taught on rows of the earlier one."""
TRUTH = "truth"
"""Name of the chances that a made world draws from."""
PLAIN = "plain"
"""Name of a network without scenarios."""
ROWS = {PLAIN: FLOOR, "cgc": "ple"}
"""Names here that the registry does not have."""


def main() -> None:
    """Print one JSON line per fit, then tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tasks", description=__doc__.split("\n", 1)[0])
    parser.add_argument("set", choices=list(SETTINGS))
    parser.add_argument(
        "--models", default=FLOOR, help=f"names; '{TWIN}', '{AFTER}', '{PLAIN}', 'cgc' and NAME+BALANCE"
    )
    parser.add_argument("--seeds", default="0")
    add_settings(parser)
    parser.add_argument("--keep", type=Path, help="folder of finished fits")
    parser.add_argument("--valid", action="store_true", help="print the figure of the rows that stop training only")
    chosen = parser.parse_args()
    bench = PREPARED[chosen.set]()
    extra = dict(chosen.settings)
    found: dict[str, list[Fit]] = {}
    for seed in map(int, chosen.seeds.split(",")):
        for name in chosen.models.split(","):
            fit = fitted(bench, name, seed, extra, chosen.keep)
            line = {"set": bench.name, "model": name, "seed": seed, "valid": round(fit.valid, 4), "epoch": fit.epoch}
            line |= {"core_seconds": round(fit.seconds, 1), **fit.more}
            print(json.dumps(line if chosen.valid else line | figures(bench, fit)), flush=True)
            found.setdefault(name, []).append(fit)
    if not chosen.valid:
        print(table(bench, found))
        for floor in floors(bench):
            if floor in found and len(found) > 1:
                print(f"\n{gains(bench, found, floor)}")


def floors(bench: Bench) -> tuple[str, ...]:
    """What the models of a set are compared with."""
    if bench.scenario:
        return (FLOOR,)
    return (AFTER, FLOOR) if bench.funnel else (TWIN,)


def fitted(
    bench: Bench, name: str, seed: int, extra: Mapping[str, Any] | None = None, folder: Path | None = None
) -> Fit:
    """A model by its name here, with one seed."""
    if name == TWIN:
        return alone(bench, seed, extra or {}, folder)
    if name == AFTER:
        return after(bench, seed, extra or {}, folder)
    if name == TRUTH:
        assert bench.chance is not None, "only a made world knows its chances"
        return Fit(bench.asked, bench.chance[bench.test], float("nan"), 0, 0.0, {})
    return kept(bench, name, MORE_TASKS.get((bench.name, name), bench.asked), seed, extra or {}, folder)


def kept(
    bench: Bench, name: str, tasks: tuple[str, ...], seed: int, extra: Mapping[str, Any], folder: Path | None
) -> Fit:
    """A fit from the folder, or made and put there."""
    base, _, balance = name.partition("+")
    settings = {**SETTINGS[bench.name], **OWN.get((bench.name, base), {}), **extra}
    if balance:
        settings["balance"] = balance
    what = json.dumps([bench.sizes, settings], sort_keys=True)
    mark = hashlib.sha256(what.encode()).hexdigest()[:8]
    place = None if folder is None else folder / f"{bench.name}-{name}-{'-'.join(tasks)}-{seed}-{mark}"
    if place is not None and place.with_suffix(".npz").exists():
        with np.load(place.with_suffix(".npz"), allow_pickle=False) as file:
            return Fit(tasks, file["score"], *json.loads(str(file["how"])))
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        settings["checkpoint"] = str(place)
    fit = made(replace(bench, scenario="") if base == PLAIN else bench, ROWS.get(base, base), tasks, seed, settings)
    if place is not None:
        how = json.dumps([fit.valid, fit.epoch, fit.seconds, dict(fit.more)])
        np.savez(place.with_suffix(".npz"), score=fit.score, how=how)
    return fit


def made(bench: Bench, name: str, tasks: tuple[str, ...], seed: int, settings: dict[str, Any]) -> Fit:
    """Fit one model of the registry and score the test rows."""
    train, valid, _ = bench.sizes
    n = train + valid
    # Every row is a request of its own, and the last of those given are exactly the validation part.
    given: dict[str, Any] = {"valid_share": (valid + 0.5) / n, "validation_users": valid, **settings}
    if bench.scenario:
        given["scenario_column"] = bench.scenario
    model = registry.create(name, "ranker", id_columns=bench.ids, tasks=tasks, **given)
    began = time.process_time()
    learned = {key: values[:n] for key, values in bench.columns.items()}
    labels = {task: bench.labels[task][:n] for task in tasks}
    model.fit_rows(learned, labels, np.arange(n), FitContext(seed=seed, threads=1))
    # Of a fit that was stopped and went on, this process knows the last part alone.
    seconds = max(time.process_time() - began, model.report_["search"]["core_seconds"])
    x = np.stack([np.asarray(bench.columns[key][bench.test], np.float64) for key in model.columns_], axis=1)
    search, gates = model.report_["search"], model.report_.get("gate_entropy", {})
    tables = sum(part.numel() for part in tables_of(model.module_))
    more: dict[str, Any] = {"weights": sum(part.numel() for part in model.module_.parameters()) - tables}
    if gates:
        more["gates"] = {key: [round(value, 3) for value in values] for key, values in gates.items()}
    return Fit(tasks, model.score_matrix(x), search["best"], search["best_epoch"], seconds, more)


def alone(bench: Bench, seed: int, extra: Mapping[str, Any], folder: Path | None) -> Fit:
    """One network per task, side by side."""
    each = [kept(bench, FLOOR, (task,), seed, extra, folder) for task in bench.asked]
    return _beside(bench, each, np.concatenate([fit.score for fit in each], axis=1))


def after(bench: Bench, seed: int, extra: Mapping[str, Any], folder: Path | None) -> Fit:
    """A network of the earlier step, and one of the later step that only rows of the earlier one teach."""
    first, second = bench.asked
    one = kept(bench, FLOOR, (first,), seed, extra, folder)
    other = kept(bench.reached(first), FLOOR, (second,), seed, extra, folder)
    return _beside(bench, [one, other], np.concatenate([one.score, one.score * other.score], axis=1))


def _beside(bench: Bench, each: list[Fit], score: Any) -> Fit:
    mean, seconds = float(np.mean([fit.valid for fit in each])), sum(fit.seconds for fit in each)
    weights = sum(fit.more.get("weights", 0) for fit in each)
    return Fit(bench.asked, score, mean, max(fit.epoch for fit in each), seconds, {"weights": weights})


if __name__ == "__main__":
    main()
