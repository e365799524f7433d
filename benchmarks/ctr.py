"""Click models on MovieLens 100K, row by row: the table of docs/results.md.

    python -m benchmarks.ctr --models lr,fm,deepfm,dcn_v2 --seeds 0,1,2
    python -m benchmarks.ctr --protocol ctr-time-811 --models all
    python -m benchmarks.ctr --data criteo-sample --models all

A row is a rating, positive from 4 up; columns are user, item, decade of age, gender, occupation, first figure of the
zip code, year of the film and its first three genres, all as codes. The first 80 % of the protocol's rows teach, the
next 10 % only decide when to stop, AUC is that of the last 10 %. One division, seeds of the network only; intervals
draw the users of the test rows again. Settings were chosen with `--valid`, which prints no figure of the test rows.
Other data are sets of labelled rows; AUCs of samples of a few hundred rows say nothing about a model.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np

from benchmarks.options import add_settings
from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, Candidates, Requests
from shortlist.data.catalog import load
from shortlist.data.dataset import Dataset
from shortlist.data.labelled import load_rows, names
from shortlist.data.splits import split
from shortlist.evaluation.metrics import auc
from shortlist.evaluation.stats import bootstrap_auc

DATA = "ml-100k"
PROTOCOLS = ("ctr-random-811", "ctr-time-811", "published")
TARGETS = {"lr": 0.748, "fm": 0.775, "ffm": 0.786, "deepfm": 0.781, "nfm": 0.785, "ipnn": 0.787, "dcn_v2": 0.784}
"""AUC on ctr-random-811 to be reached, less `SLACK`."""
SLACK = 0.009
"""Two standard errors."""


def main() -> None:
    """Print one JSON line per fit, then a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ctr")
    parser.add_argument("--data", default=DATA, choices=[DATA, *names()])
    parser.add_argument("--protocol", default="ctr-random-811", choices=PROTOCOLS)
    parser.add_argument("--models", default="lr,fm,deepfm,dcn_v2", help="names, or all")
    parser.add_argument("--seeds", default="0")
    add_settings(parser)
    parser.add_argument(
        "--valid", action="store_true", help="look at the rows that stop training only, to choose settings"
    )
    chosen = parser.parse_args()
    parts = prepared(chosen.protocol, chosen.data)
    extra = dict(chosen.settings)
    models = presets() if chosen.models == "all" else chosen.models.split(",")
    found: dict[str, list[dict[str, Any]]] = {}
    for name in models:
        for seed in map(int, chosen.seeds.split(",")):
            row = run(name, parts, seed, **extra)
            hidden = {"score"} | ({"auc"} if chosen.valid else set())
            shown = {key: value for key, value in row.items() if key not in hidden}
            print(json.dumps({"protocol": chosen.protocol, "model": name, "seed": seed, **shown}), flush=True)
            found.setdefault(name, []).append(row)
    if not chosen.valid:
        print(table(found, parts, barred=chosen.data == DATA and chosen.protocol == "ctr-random-811"))


def table(found: dict[str, list[dict[str, Any]]], parts: dict[str, Any], *, barred: bool) -> str:
    """Markdown: mean AUC over seeds, its interval over users, spread of the seeds, epochs kept, time."""
    lines = ["| model | AUC (95 %) | sd of seeds | passes kept | CPU s | bar |", "|---|---|---|---|---|---|"]
    n = parts["sizes"][2]
    label, user = parts["label"][-n:], parts["cluster"][-n:]
    for name, rows in found.items():
        values = [row["auc"] for row in rows]
        low, high = bootstrap_auc(label, np.stack([row["score"] for row in rows], axis=1), user)
        spread = f"{np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
        passes = ", ".join(str(row["epoch"]) for row in rows)
        seconds = np.mean([row["core_seconds"] for row in rows])
        bar = f"{TARGETS.get(name, TARGETS['fm']) - SLACK:.3f}" if barred else ""
        mean = f"{np.mean(values):.4f} ({low:.3f} to {high:.3f})"
        lines.append(f"| {name} | {mean} | {spread} | {passes} | {seconds:.0f} | {bar} |")
    return "\n".join(lines)


def presets() -> list[str]:
    """Names of all field models."""
    return [row.name for row in registry.rows("ranker") if ".fields." in row.target]


def prepared(protocol: str, name: str = DATA, data: Dataset | None = None) -> dict[str, Any]:
    """Columns, labels and clusters of the rows in the order train, valid, test, and how many rows each part has."""
    if name != DATA:
        rows = load_rows(name)
        part = rows.split(protocol)
        order = np.concatenate(part)
        taken = rows.take(order)
        return {
            "columns": dict(taken.columns),
            "ids": taken.id_columns,
            "label": taken.label(),
            "cluster": order,
            "sizes": [len(each) for each in part],
        }
    data = data or load(name)
    divided = split(data, protocol)
    order = np.concatenate([divided.train_rows, divided.valid_rows, divided.test_rows])
    columns = columns_of(data, divided.user[order], divided.item[order])
    return {
        "columns": columns,
        "ids": tuple(columns),
        "label": divided.label[order],
        "cluster": divided.user[order],
        "sizes": [len(divided.train_rows), len(divided.valid_rows), len(divided.test_rows)],
    }


def columns_of(data: Dataset, user: Array, item: Array) -> dict[str, Array]:
    """Ten columns of codes; -1 stands for an absent value."""
    users: Any = data.user_table
    films: Any = data.item_table
    genres = [list(each or []) for each in films["genres"].to_list()]
    by_user = {
        "age": [-1 if age is None else age // 10 for age in users["age"].to_list()],
        "gender": _codes(users["gender"]),
        "occupation": _codes(users["occupation"]),
        "zip": _codes([text[:1] if text else None for text in users["zip"].to_list()]),
    }
    by_item = {"year": [-1 if year is None else year for year in films["year"].to_list()]}
    known = sorted({genre for each in genres for genre in each})
    for n in range(3):
        by_item[f"genre{n + 1}"] = [known.index(each[n]) if len(each) > n else -1 for each in genres]
    out = {"user": user, "item": item}
    out |= {name: np.array(values, np.int64)[user] for name, values in by_user.items()}
    return out | {name: np.array(values, np.int64)[item] for name, values in by_item.items()}


def run(name: str, parts: dict[str, Any], seed: int, **settings: Any) -> dict[str, Any]:
    """Fit one model and judge it on the test rows."""
    train, valid, _ = parts["sizes"]
    kept, columns = train + valid, parts["columns"]
    # Every row is a request of its own, and the last ninth of those given is exactly the validation part.
    share = (valid + 0.5) / kept
    model = registry.create(name, "ranker", id_columns=parts["ids"], valid_share=share, **settings)
    began = time.process_time()
    learned = {key: values[:kept] for key, values in columns.items()}
    label = parts["label"].astype(np.float64)
    model.fit_rows(learned, label[:kept], np.arange(kept), FitContext(seed=seed, threads=1))
    seconds = time.process_time() - began
    asked = {key: values[kept:] for key, values in columns.items()}
    n = len(label) - kept
    table = Candidates(np.zeros(n, np.int32), np.arange(n), 1, asked)
    score = model.score(Requests.of([-1]), table)[:, 0]
    search = model.report_["search"]
    return {
        "auc": round(auc(label[kept:], score), 4),
        "score": score,
        "valid": round(search["best"], 4),
        "epoch": search["best_epoch"],
        "epochs": search["epochs"],
        "core_seconds": round(seconds, 1),
    }


def _codes(values: Any) -> list[int]:
    known = {value: code for code, value in enumerate(sorted({each for each in values if each is not None}))}
    return [-1 if value is None else known[value] for value in values]


if __name__ == "__main__":
    main()
