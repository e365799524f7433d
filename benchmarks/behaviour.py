"""What a user's past is worth to click models on MovieLens 100K: the table of docs/results.md.

    python -m benchmarks.behaviour --models din,bst --seeds 0,1,2
    python -m benchmarks.behaviour --pasts own,shuffled,none

A row is a rating, positive from 4 up, in the protocol of `benchmarks.ctr`: the first 80 % in time teach, the next 10 %
decide when to stop, AUC is that of the last 10 %. The past of a row is what its user rated 4 or more strictly before
its time, whichever part that lies in, as a server would know it. Columns are user, decade of age, gender, occupation
and first figure of the zip code; films are read by id, year and genres. Controls: pasts of other rows (`shuffled`), and
no pasts at all (`none`), when teaching and when judging alike. gAUC is the AUC within each user's test rows, weighted
by these. Intervals, also those of gains, draw the users of the test rows again. Settings were chosen with `--valid`,
which prints no figure of the test rows. With `--kept FOLDER` a fit that stands there is not made again.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ctr import prepared
from benchmarks.options import add_settings
from shortlist.core import registry
from shortlist.core.contracts import FitContext, Shown
from shortlist.core.types import Candidates, History, Requests
from shortlist.data.catalog import load
from shortlist.data.dataset import Dataset
from shortlist.data.splits import split
from shortlist.evaluation.metrics import auc, gauc
from shortlist.evaluation.stats import bootstrap_auc, bootstrap_auc_gain, bootstrap_gauc

COLUMNS = ("user", "age", "gender", "occupation", "zip")
LONGEST = 200
"""Events kept of a past."""


def main() -> None:
    """Print one JSON line per fit, then a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.behaviour")
    parser.add_argument("--protocol", default="ctr-time-811", choices=["ctr-random-811", "ctr-time-811"])
    parser.add_argument("--models", default="history_mean,din", help="names, or all")
    parser.add_argument("--pasts", default="own", help="own, shuffled, none")
    parser.add_argument("--seeds", default="0")
    add_settings(parser)
    parser.add_argument("--valid", action="store_true", help="look at the rows that stop training only")
    parser.add_argument("--kept", type=Path, help="folder of fits, so that a long run can go on")
    chosen = parser.parse_args()
    extra = dict(chosen.settings)
    data = load("ml-100k")
    names = presets() if chosen.models == "all" else chosen.models.split(",")
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    rows: dict[str, Any] = {}
    for pasts in chosen.pasts.split(","):
        rows = rows_of(data, chosen.protocol, pasts)
        for name in names:
            for seed in map(int, chosen.seeds.split(",")):
                row = kept(chosen.kept, f"{chosen.protocol}-{name}-{pasts}-{seed}", name, rows, seed, extra)
                hidden = {"score"} | ({"auc", "gauc"} if chosen.valid else set())
                line = {key: value for key, value in row.items() if key not in hidden}
                print(json.dumps({"model": name, "past": pasts, "seed": seed, **line}), flush=True)
                found.setdefault((name, pasts), []).append(row)
    if not chosen.valid:
        print(table(found, rows))


def presets() -> list[str]:
    """Names of all behaviour models."""
    return [row.name for row in registry.rows("ranker") if ".behaviour." in row.target]


def kept(
    folder: Path | None, label: str, name: str, rows: dict[str, Any], seed: int, settings: dict[str, Any]
) -> dict[str, Any]:
    """As `run`, from the folder if it stands there with the same settings."""
    if folder is None:
        return run(name, rows, seed, **settings)
    place, said = folder / f"{label}.npz", json.dumps(settings, sort_keys=True)
    if place.exists():
        with np.load(place, allow_pickle=False) as file:
            if str(file["settings"]) == said:
                return {**json.loads(str(file["row"])), "score": file["score"]}
    row = run(name, rows, seed, **settings)
    folder.mkdir(parents=True, exist_ok=True)
    plain = json.dumps({key: value for key, value in row.items() if key != "score"})
    np.savez(place, score=row["score"], row=plain, settings=said)
    return row


def table(found: dict[tuple[str, str], list[dict[str, Any]]], rows: dict[str, Any]) -> str:
    """Markdown: means over seeds with intervals over users, and gains on two references with the same seeds."""
    lines = [
        "| model | past | AUC (95 %) | gAUC (95 %) | AUC over its own without a past | AUC over history_mean "
        "| sd of seeds | passes kept | CPU s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    n = rows["sizes"][2]
    label, user = rows["label"][-n:], rows["cluster"][-n:]

    def scores(which: tuple[str, str]) -> Any:
        return np.stack([row["score"] for row in found[which]], axis=1)

    def gain(which: tuple[str, str], other: tuple[str, str]) -> str:
        if other not in found or which == other:
            return ""
        low, high = bootstrap_auc_gain(label, scores(which), scores(other), user)
        mean = np.mean([row["auc"] for row in found[which]]) - np.mean([row["auc"] for row in found[other]])
        return f"{mean:+.4f} ({low:+.4f} to {high:+.4f})"

    for which, fits in found.items():
        name, past = which
        parts = []
        for key, interval in (("auc", bootstrap_auc), ("gauc", bootstrap_gauc)):
            low, high = interval(label, scores(which), user)
            parts.append(f"{np.mean([row[key] for row in fits]):.4f} ({low:.3f} to {high:.3f})")
        spread = f"{np.std([row['auc'] for row in fits], ddof=1):.4f}" if len(fits) > 1 else ""
        passes = ", ".join(str(row["epoch"]) for row in fits)
        seconds = np.mean([row["core_seconds"] for row in fits])
        gains = [gain(which, (name, "none")), gain(which, ("history_mean", past))]
        lines.append(f"| {' | '.join([name, past, *parts, *gains, spread, passes, f'{seconds:.0f}'])} |")
    return "\n".join(lines)


def rows_of(data: Dataset, protocol: str, pasts: str) -> dict[str, Any]:
    """Columns, labels, sizes of the parts, and to whom each row was shown; every row is a request of its own."""
    rows = split(data, protocol)
    order = np.concatenate([rows.train_rows, rows.valid_rows, rows.test_rows])
    parts = prepared(protocol, data=data)
    user, item, at = rows.user[order], rows.item[order], rows.at[order]
    liked = data.select(data.interactions.value >= 4)
    history = liked.histories(user, before=at).last(LONGEST)
    if pasts == "none":
        history = History.empty(len(order))
    elif pasts == "shuffled":
        # Ages stay those of the row: the events are another user's, moved to end where this row's own would be.
        moved = history.take(np.random.default_rng(7).permutation(len(order)))
        end = np.array([moved.at[stop - 1] if stop > start else 0.0 for start, stop in _bounds(moved)])
        history = replace(moved, at=moved.at + (at - 1.0 - end)[moved.row])
    requests = Requests.of(user, now=at, history=history)
    shown = Shown(requests, np.arange(len(order)), item, data)
    columns = {name: parts["columns"][name] for name in COLUMNS}
    return {**parts, "columns": columns, "shown": shown}


def run(name: str, rows: dict[str, Any], seed: int, **settings: Any) -> dict[str, Any]:
    """Fit one model and judge it on the test rows."""
    train, valid, _ = rows["sizes"]
    kept, columns, shown = train + valid, rows["columns"], rows["shown"]
    label = rows["label"].astype(np.float64)
    options = {"item_columns": ("year", "genres"), "valid_share": (valid + 0.5) / kept, **settings}
    if name == "sim":
        options = {"searched_column": "genres", **options}
    model = registry.create(name, "ranker", id_columns=COLUMNS, **options)
    began = time.process_time()
    learned = {key: values[:kept] for key, values in columns.items()}
    context = FitContext(seed=seed, threads=1)
    model.fit_rows(learned, label[:kept], np.arange(kept), context, shown=shown.take(np.arange(kept)))
    seconds = time.process_time() - began
    rest = np.arange(kept, len(label))
    asked = {key: values[rest] for key, values in columns.items()}
    began = time.process_time()
    requests = shown.requests.take(rest)
    score = model.score(requests, Candidates((rest - kept).astype(np.int32), shown.item[rest], len(rest), asked))[:, 0]
    spent = time.process_time() - began
    search = model.report_["search"]
    return {
        "auc": round(auc(label[rest], score), 4),
        "gauc": round(gauc(label[rest], score, rows["cluster"][rest]), 4),
        "score": score,
        "valid": round(search["best"], 4),
        "epoch": search["best_epoch"],
        "epochs": search["epochs"],
        "core_seconds": round(seconds, 1),
        "us_per_row": round(1e6 * spent / len(rest), 1),
    }


def _bounds(history: History) -> list[tuple[int, int]]:
    return list(zip(history.offsets[:-1].tolist(), history.offsets[1:].tolist(), strict=True))


if __name__ == "__main__":
    main()
