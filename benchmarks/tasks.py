"""Rankers of several tasks and scenarios on real rows: the tables of docs/results.md.

    python -m benchmarks.tasks census --models shared_bottom,mmoe,ple --seeds 0,1,2 --keep runs
    python -m benchmarks.tasks stars --models shared_bottom,mmoe,ple,esmm,aitm --seeds 0,1,2
    python -m benchmarks.tasks ages --models shared_bottom,star,pepnet --seeds 0,1,2

census: Census-Income, its test part alone; whether somebody earns more than 50,000 and never married; all other columns
    but the weight. Beside the models stand twins, networks of the same widths with one task.
stars: MovieLens 100K; whether a film got four stars, and of those five: a funnel. Five given four is judged on rows of
    four and more.
ages: MovieLens 1M; whether a film got four stars; scenarios are people under 25, to 34, and older. AUC within each, and
    the plain mean, which is compared with that of `shared_bottom`: one network, a tower per scenario.

Rows at random, 80/10/10: the second part only decides when to stop. Settings are a first guess of usual sizes: nothing
was searched. To search, `--valid` prints nothing of the third part. Twins and models have the same widths, batches and
patience. Fits are kept in the folder of `--keep` and not made again; a stopped fit goes on from its last pass.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ctr import columns_of
from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, Floats, Ints
from shortlist.data.catalog import load
from shortlist.data.labelled import load_rows
from shortlist.data.splits import split
from shortlist.evaluation.metrics import auc, gauc
from shortlist.evaluation.stats import bootstrap_auc, bootstrap_auc_gain

DRAWS = 200
"""Resamples behind an interval."""
YOUNG, OLD = 25, 35
"""Ages at which the second and the third scenario begin."""
SETTINGS: Mapping[str, dict[str, Any]] = {
    "census": {"factors": 4, "hidden": (64,), "towers": (32,), "dropout": 0.2, "learning_rate": 1e-3, "epochs": 30,
               "batch_size": 512, "patience": 3, "start": 0.05},
    "stars": {"factors": 8, "hidden": (64,), "towers": (32,), "dropout": 0.3, "learning_rate": 1e-3, "epochs": 30,
              "batch_size": 512, "patience": 3, "vector_reg": 1e-2},
    "ages": {"factors": 16, "hidden": (64, 32), "towers": (16,), "dropout": 0.2, "learning_rate": 1e-3, "epochs": 15,
             "batch_size": 2048, "patience": 2, "vector_reg": 1e-3},
}  # fmt: skip
"""A first guess of ordinary sizes, the same for every model of a set; nothing was searched."""
OWN: Mapping[tuple[str, str], dict[str, Any]] = {("ages", "pepnet"): {"prior_columns": ("user", "item")}}
"""Settings of one model on one set."""
TWIN = "alone"
"""Name of a network with one task."""
FLOOR = "shared_bottom"
"""What models are compared with on scenarios."""


@dataclass(frozen=True)
class Bench:
    """Rows in the order train, valid, test.

    Attributes:
        name: of the set.
        columns: number[N] by name.
        ids: those that are codes.
        labels: float64[N] by task.
        cluster: int64[N], who is drawn again.
        sizes: rows of each part.
        scenario: column of the scenario, or "".
        funnel: whether the second task presupposes the first.
    """

    name: str
    columns: Mapping[str, Array]
    ids: tuple[str, ...]
    labels: Mapping[str, Floats]
    cluster: Ints
    sizes: tuple[int, int, int]
    scenario: str = ""
    funnel: bool = False

    @property
    def test(self) -> slice:
        """The rows that judge."""
        return slice(self.sizes[0] + self.sizes[1], None)


@dataclass(frozen=True)
class Fit:
    """What came of one fit: scores of the test rows [n, T], and how it went."""

    tasks: tuple[str, ...]
    score: Floats
    valid: float
    epoch: int
    seconds: float
    more: Mapping[str, Any]


def main() -> None:
    """Print one JSON line per fit, then a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tasks", description=__doc__.split("\n", 1)[0])
    parser.add_argument("set", choices=list(SETTINGS))
    parser.add_argument("--models", default=FLOOR, help=f"names; '{TWIN}' is one network per task")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--set", dest="extra", action="append", default=[], metavar="KEY=JSON", help="another setting")
    parser.add_argument("--keep", type=Path, help="folder of finished fits")
    parser.add_argument("--valid", action="store_true", help="print the figure of the rows that stop training only")
    chosen = parser.parse_args()
    bench = PREPARED[chosen.set]()
    extra = {key: json.loads(value) for key, value in (each.split("=", 1) for each in chosen.extra)}
    found: dict[str, list[Fit]] = {}
    for seed in map(int, chosen.seeds.split(",")):
        for name in chosen.models.split(","):
            fit = alone(bench, seed, extra, chosen.keep) if name == TWIN else kept(
                bench, name, tuple(bench.labels), seed, extra, chosen.keep
            )  # fmt: skip
            line = {"set": bench.name, "model": name, "seed": seed, "valid": round(fit.valid, 4), "epoch": fit.epoch}
            line |= {"core_seconds": round(fit.seconds, 1), **fit.more}
            print(json.dumps(line if chosen.valid else line | figures(bench, fit)), flush=True)
            found.setdefault(name, []).append(fit)
    if not chosen.valid:
        print(scenario_table(bench, found) if bench.scenario else task_table(bench, found))


# --- the sets ---------------------------------------------------------------------------------------------------------


def census() -> Bench:
    """Census-Income as labelled rows."""
    rows = load_rows("census-income")
    part = rows.split("ctr-random-811")
    order = np.concatenate(part)
    taken = rows.take(order)
    labels = {"income": taken.label("income"), "never_married": taken.label("marital_stat")}
    numbers = {task: label.astype(np.float64) for task, label in labels.items()}
    sizes = (len(part.train), len(part.valid), len(part.test))
    return Bench("census", dict(taken.columns), taken.id_columns, numbers, order, sizes)


def stars() -> Bench:
    """Ratings of MovieLens 100K as a funnel: liked, and of those loved."""
    bench = _ratings("stars", "ml-100k", {"liked": 4.0, "loved": 5.0})
    return Bench(**{**vars(bench), "funnel": True})


def ages() -> Bench:
    """Ratings of MovieLens 1M by three groups of ages."""
    bench = _ratings("ages", "ml-1m", {"click": 4.0})
    people: Any = load("ml-1m").user_table
    age = people["age"].to_numpy()[bench.cluster]
    group = (age >= YOUNG).astype(np.int64) + (age >= OLD)
    columns = {**bench.columns, "group": group}
    return Bench(**{**vars(bench), "columns": columns, "ids": (*bench.ids, "group"), "scenario": "group"})


def _ratings(name: str, source: str, stars: Mapping[str, float]) -> Bench:
    data = load(source)
    first = min(stars.values())
    divided = split(data, "ctr-random-811", positive=first)
    order = np.concatenate([divided.train_rows, divided.valid_rows, divided.test_rows])
    columns = columns_of(data, divided.user[order], divided.item[order])
    value = data.interactions.value[order]
    labels = {task: (value >= least).astype(np.float64) for task, least in stars.items()}
    assert (labels[next(iter(stars))] == divided.label[order]).all(), "rows are ratings in file order"
    sizes = (len(divided.train_rows), len(divided.valid_rows), len(divided.test_rows))
    return Bench(name, columns, tuple(columns), labels, divided.user[order].astype(np.int64), sizes)


PREPARED = {"census": census, "stars": stars, "ages": ages}


# --- fits -------------------------------------------------------------------------------------------------------------


def kept(
    bench: Bench, name: str, tasks: tuple[str, ...], seed: int, extra: Mapping[str, Any], folder: Path | None
) -> Fit:
    """A fit from the folder, or made and put there."""
    settings = {**SETTINGS[bench.name], **OWN.get((bench.name, name), {}), **extra}
    what = json.dumps([bench.sizes, settings], sort_keys=True)
    mark = hashlib.sha256(what.encode()).hexdigest()[:8]
    place = None if folder is None else folder / f"{bench.name}-{name}-{'-'.join(tasks)}-{seed}-{mark}"
    if place is not None and place.with_suffix(".npz").exists():
        with np.load(place.with_suffix(".npz"), allow_pickle=False) as file:
            return Fit(tasks, file["score"], *json.loads(str(file["how"])))
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        settings["checkpoint"] = str(place)
    fit = made(bench, name, tasks, seed, settings)
    if place is not None:
        how = json.dumps([fit.valid, fit.epoch, fit.seconds, dict(fit.more)])
        np.savez(place.with_suffix(".npz"), score=fit.score, how=how)
    return fit


def made(bench: Bench, name: str, tasks: tuple[str, ...], seed: int, settings: dict[str, Any]) -> Fit:
    """Fit one model and score the test rows."""
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
    seconds = time.process_time() - began
    x = np.stack([np.asarray(bench.columns[key][bench.test], np.float64) for key in model.columns_], axis=1)
    search = model.report_["search"]
    gates = {
        key: [round(value, 3) for value in values] for key, values in model.report_.get("gate_entropy", {}).items()
    }
    return Fit(
        tasks, model.score_matrix(x), search["best"], search["best_epoch"], seconds, {"gates": gates} if gates else {}
    )


def alone(bench: Bench, seed: int, extra: Mapping[str, Any], folder: Path | None) -> Fit:
    """One network per task, side by side."""
    each = [kept(bench, FLOOR, (task,), seed, extra, folder) for task in bench.labels]
    score = np.concatenate([fit.score for fit in each], axis=1)
    mean, seconds = float(np.mean([fit.valid for fit in each])), sum(fit.seconds for fit in each)
    return Fit(tuple(bench.labels), score, mean, max(fit.epoch for fit in each), seconds, {})


# --- figures ----------------------------------------------------------------------------------------------------------


def judged(bench: Bench, fit: Fit) -> dict[str, tuple[Array, Floats, Floats]]:
    """By figure: rows, labels and scores. The step of a funnel is judged on the rows that got that far."""
    out = {}
    for t, task in enumerate(fit.tasks):
        label = bench.labels[task][bench.test]
        out[task] = (np.ones(len(label), bool), label, fit.score[:, t])
    if bench.funnel:
        first, second = fit.tasks
        there = bench.labels[first][bench.test] > 0
        step = fit.score[:, 1] / np.maximum(fit.score[:, 0], 1e-12)
        out[f"{second}|{first}"] = (there, bench.labels[second][bench.test][there], step[there])
    return out


def figures(bench: Bench, fit: Fit) -> dict[str, float]:
    """AUC of each task, or of each scenario and their plain mean."""
    if not bench.scenario:
        return {name: round(auc(label, score), 4) for name, (_, label, score) in judged(bench, fit).items()}
    group, label, score = scenario_rows(bench, fit)
    each = {f"group {g}": round(auc(label[group == g], score[group == g]), 4) for g in np.unique(group)}
    return {**each, "macro": round(gauc(label, score, group, weight="plain"), 4), "pooled": round(auc(label, score), 4)}


def scenario_rows(bench: Bench, fit: Fit) -> tuple[Ints, Floats, Floats]:
    """Scenario, label and score of the test rows."""
    label = bench.labels[fit.tasks[0]][bench.test]
    return np.asarray(bench.columns[bench.scenario][bench.test], np.int64), label, fit.score[:, 0]


def task_table(bench: Bench, found: Mapping[str, list[Fit]]) -> str:
    """Markdown: mean AUC of each task with its interval, and how much more than the twins."""
    names = list(judged(bench, next(iter(found.values()))[0]))
    lines = ["| model | " + " | ".join(f"{name} (95 %)" for name in names) + " | to the twins | CPU s |"]
    lines.append("|---" * (len(names) + 3) + "|")
    twins = found.get(TWIN)
    for model, fits in found.items():
        cells, gains = [], []
        for name in names:
            rows, label, _ = judged(bench, fits[0])[name]
            score = np.stack([judged(bench, fit)[name][2] for fit in fits], axis=1)
            cluster = bench.cluster[bench.test][rows]
            low, high = bootstrap_auc(label, score, cluster, draws=DRAWS)
            mean = np.mean([auc(label, column) for column in score.T])
            cells.append(f"{mean:.4f} ({low:.3f} to {high:.3f})")
            if twins and model != TWIN:
                other = np.stack([judged(bench, fit)[name][2] for fit in twins], axis=1)
                gains.append(_gain(label, score, other, cluster))
        seconds = np.mean([fit.seconds for fit in fits])
        lines.append(f"| {model} | {' | '.join(cells)} | {'; '.join(gains)} | {seconds:.0f} |")
    return "\n".join(lines)


def scenario_table(bench: Bench, found: Mapping[str, list[Fit]]) -> str:
    """Markdown: AUC of each scenario, their plain mean, and how much more of it than the floor has."""
    lines = ["| model | AUC within each | plain mean | sd of seeds | to the floor | pooled | CPU s |", "|---" * 7 + "|"]
    floor = found.get(FLOOR)
    for model, fits in found.items():
        group, label, _ = scenario_rows(bench, fits[0])
        score = np.stack([scenario_rows(bench, fit)[2] for fit in fits], axis=1)
        each = [np.mean([auc(label[group == g], s[group == g]) for s in score.T]) for g in np.unique(group)]
        means = [gauc(label, s, group, weight="plain") for s in score.T]
        spread = f"{np.std(means, ddof=1):.4f}" if len(means) > 1 else ""
        gain = ""
        if floor and model != FLOOR:
            other = np.stack([scenario_rows(bench, fit)[2] for fit in floor], axis=1)
            gain = _gain(label, score, other, bench.cluster[bench.test], group)
        pooled, seconds = np.mean([auc(label, s) for s in score.T]), np.mean([fit.seconds for fit in fits])
        lines.append(
            f"| {model} | {' / '.join(f'{value:.4f}' for value in each)} | {np.mean(means):.4f} | {spread} | {gain} | "
            f"{pooled:.4f} | {seconds:.0f} |"
        )
    return "\n".join(lines)


def _gain(label: Floats, score: Floats, other: Floats, cluster: Ints, group: Ints | None = None) -> str:
    """Mean difference over seeds, paired, with its interval."""
    where = np.zeros(len(label), np.int64) if group is None else group

    def mean(table: Floats) -> float:
        return float(np.mean([gauc(label, column, where, weight="plain") for column in table.T]))

    low, high = bootstrap_auc_gain(label, score, other, cluster, group=group, draws=DRAWS)
    return f"{mean(score) - mean(other):+.4f} ({low:+.4f} to {high:+.4f})"


if __name__ == "__main__":
    main()
