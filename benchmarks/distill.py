"""What a small ranker gains from a large one's scores: `python -m benchmarks.distill`, the tables of docs/results.md.

    python -m benchmarks.distill --protocol ctr-time-811 --seeds 0,1,2
    python -m benchmarks.distill --protocol ctr-random-811 --seeds 0,1,2

Rows and columns are those of `benchmarks/ctr.py`. A teacher (one network, or several whose logits are averaged) is
fitted on the training part; a student is fitted on the same rows alone, with labels mixed with the teacher's chances,
and with pairs of people and films besides that nobody rated and that only the teacher has an opinion on. How much of
the teacher (`trust`) and how many pairs is to be chosen by the rows that stop training (`valid`), mean over seeds; the
table prints all of them. Intervals are of the difference from the student alone, drawing the users of the test rows
again. Milliseconds are CPU time of 500 candidates of one person as served, median of 40.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ctr import PROTOCOLS, prepared
from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, Candidates, Floats, Requests
from shortlist.evaluation.metrics import auc
from shortlist.models.ranking._odds import sigmoid

TEACHERS = {"dcn_v2": ("dcn_v2",), "ensemble": ("dcn_v2", "ffm")}
STUDENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "lr": ("lr", {}),
    "deepfm, 4 factors, 16": ("deepfm", {"factors": 4, "hidden": (16,)}),
    "gbdt": ("gbdt", {"trees": 150, "leaves": 31}),
}
WAYS = ((0.0, 0), (0.5, 0), (0.5, 1))
"""Share of the teacher in a label, and pairs besides per training row."""
ROWS = 500
"""Candidates whose scoring is timed."""


def main() -> None:
    """Print one JSON line per fit, then a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.distill")
    parser.add_argument("--protocol", default="ctr-time-811", choices=PROTOCOLS)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--teacher", default="ensemble", choices=list(TEACHERS))
    parser.add_argument("--students", default=",".join(name.split(",")[0] for name in STUDENTS), help="first words")
    chosen = parser.parse_args()
    parts = prepared(chosen.protocol)
    students = {k: v for k, v in STUDENTS.items() if k.split(",")[0] in chosen.students.split(",")}
    found: list[dict[str, Any]] = []
    for seed in map(int, chosen.seeds.split(",")):
        teachers = [fit(name, {}, parts, seed, *hard(parts)) for name in TEACHERS[chosen.teacher]]
        for name, made in zip(TEACHERS[chosen.teacher], teachers, strict=True):
            tell(
                found,
                {
                    "model": name,
                    "trust": None,
                    "pairs": 0,
                    "seed": seed,
                    **judged([made[0]], parts),
                    **cost(made[0], parts),
                },
            )
        if len(teachers) > 1:
            tell(
                found,
                {
                    "model": chosen.teacher,
                    "trust": None,
                    "pairs": 0,
                    "seed": seed,
                    **judged([m for m, _ in teachers], parts),
                },
            )
        for label, (name, settings) in students.items():
            for trust, pairs in WAYS:
                rows = lesson([m for m, _ in teachers], parts, trust, pairs, seed)
                made = fit(name, settings, parts, seed, *rows)
                row = {"model": label, "trust": trust, "pairs": pairs, "seed": seed, "fit_s": made[1]}
                tell(found, {**row, **judged([made[0]], parts), **(cost(made[0], parts) if not trust else {})})
    print(table(found, parts))


def opinion(teachers: list[Any], columns: dict[str, Array]) -> Floats:
    """float64[N], the chance of a click in the eyes of rankers: the mean of their logits."""
    n = len(columns["user"])
    table = Candidates(np.zeros(n, np.int32), np.arange(n), 1, columns)
    scores = [teacher.score(Requests.of([-1]), table)[:, 0] for teacher in teachers]
    return np.asarray(sigmoid(np.mean([logit(score) for score in scores], axis=0)))


def logit(chance: Floats) -> Floats:
    """Log odds, at most 40 from zero."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.clip(np.log(chance) - np.log1p(-chance), -40.0, 40.0))


def mixed(label: Floats, chance: Floats, trust: float) -> Floats:
    """`trust` parts of the teacher's chance and the rest of what was seen."""
    return (1.0 - trust) * label + trust * chance


def tell(found: list[dict[str, Any]], row: dict[str, Any]) -> None:
    """Keep a row and print it without its scores."""
    found.append(row)
    print(json.dumps({key: value for key, value in row.items() if key != "score"}), flush=True)


def hard(parts: dict[str, Any]) -> tuple[dict[str, Array], Floats]:
    """The rows that teach, with their labels, followed by those that stop training."""
    kept = sum(parts["sizes"][:2])
    return {key: values[:kept] for key, values in parts["columns"].items()}, parts["label"][:kept].astype(np.float64)


def lesson(
    teachers: list[Any], parts: dict[str, Any], trust: float, pairs: int, seed: int
) -> tuple[dict[str, Array], Floats]:
    """Rows of the student: pairs that nobody rated, then the training rows; what stops training keeps its labels."""
    columns, label = hard(parts)
    if not trust:
        return columns, label
    n = parts["sizes"][0]
    taught = {key: values[:n] for key, values in columns.items()}
    soft = np.concatenate([mixed(label[:n], opinion(teachers, taught), trust), label[n:]])
    if not pairs:
        return columns, soft
    more = unrated(taught, pairs * n, seed)
    told = opinion(teachers, more)
    return {key: np.concatenate([more[key], columns[key]]) for key in columns}, np.concatenate([told, soft])


def unrated(columns: dict[str, Array], n: int, seed: int) -> dict[str, Array]:
    """Columns of people and films drawn apart from the training rows, so as often as there; rated pairs are few."""
    rng = np.random.default_rng(seed)
    rows = len(columns["user"])
    of_user, of_item = rng.integers(0, rows, n), rng.integers(0, rows, n)
    of_person = ("user", "age", "gender", "occupation", "zip")
    return {key: values[of_user if key in of_person else of_item] for key, values in columns.items()}


def fit(
    name: str, settings: dict[str, Any], parts: dict[str, Any], seed: int, columns: dict[str, Array], label: Floats
) -> tuple[Any, float]:
    """A fitted ranker and the CPU seconds it took."""
    n, valid = len(label), parts["sizes"][1]
    if name != "gbdt":
        settings = {**settings, "id_columns": parts["ids"], "valid_share": (valid + 0.5) / n}
    else:
        settings = {**settings, "early_stopping": 20, "valid_share": (valid + 0.5) / n}
    model = registry.create(name, "ranker", **settings)
    began = time.process_time()
    model.fit_rows(columns, label, np.arange(n), FitContext(seed=seed, threads=1))
    return model, round(time.process_time() - began, 1)


def asked(parts: dict[str, Any], start: int, stop: int) -> tuple[Requests, Candidates]:
    """Some of the rows as candidates."""
    cols = {key: values[start:stop] for key, values in parts["columns"].items()}
    return Requests.of([-1]), Candidates(np.zeros(stop - start, np.int32), np.arange(stop - start), 1, cols)


def judged(models: list[Any], parts: dict[str, Any]) -> dict[str, Any]:
    """AUC of the rows that stop training and of the test rows."""
    train, valid, _ = parts["sizes"]
    cols = {key: values[train:] for key, values in parts["columns"].items()}
    score = opinion(models, cols)
    label = parts["label"][train:]
    return {
        "valid": round(float(auc(label[:valid], score[:valid])), 4),
        "auc": round(float(auc(label[valid:], score[valid:])), 4),
        "score": score[valid:],
    }


def cost(model: Any, parts: dict[str, Any]) -> dict[str, float]:
    """CPU milliseconds for 500 candidates of one person as served, and megabytes on disk as published."""
    from shortlist.models.ranking._served import load_served, write_served

    requests, table = asked(parts, 0, ROWS)
    once = {key: np.full(ROWS, table.cols[key][0]) for key in ("user", "age", "gender", "occupation", "zip")}
    table = table.with_columns(once)
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder)
        write_served(model, Path(folder))
        served = load_served("served", Path(folder)) or model
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        times = []
        for _ in range(40):
            began = time.process_time()
            served.score(requests, table)
            times.append((time.process_time() - began) * 1e3)
    return {"ms": round(float(np.median(times)), 2), "mb": round(size / 1e6, 2)}


def table(found: list[dict[str, Any]], parts: dict[str, Any]) -> str:
    """Markdown: mean AUC over seeds, and the paired difference from the student alone with its interval over users."""
    n = parts["sizes"][2]
    label, user = parts["label"][-n:], parts["cluster"][-n:]
    lines = [
        "| model | trust | pairs | valid AUC | test AUC | sd of seeds | against alone (95 %) | ms | MB |",
        "|" + "---|" * 9,
    ]
    keys = list(dict.fromkeys((row["model"], row["trust"], row["pairs"]) for row in found))
    rows_of = {key: [r for r in found if (r["model"], r["trust"], r["pairs"]) == key] for key in keys}
    for key in keys:
        rows = rows_of[key]
        alone = rows_of.get((key[0], 0.0, 0))
        values = [row["auc"] for row in rows]
        against = difference(label, user, rows, alone) if alone is not None and key[1] else ""
        spread = f"{np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
        trust = "" if key[1] is None else key[1]
        valid = np.mean([row["valid"] for row in rows])
        price = f"{rows[0]['ms']} | {rows[0]['mb']}" if "ms" in rows[0] else " | "
        lines.append(
            f"| {key[0]} | {trust} | {key[2] or ''} | {valid:.4f} | {np.mean(values):.4f} | {spread} | {against} | "
            f"{price} |"
        )
    return "\n".join(lines)


def difference(
    label: Array, user: Array, rows: list[dict[str, Any]], alone: list[dict[str, Any]], draws: int = 1000
) -> str:
    """Mean difference over seeds of two AUCs on the same rows, with its interval."""
    rng = np.random.default_rng(0)
    people = np.unique(user)
    members = [np.flatnonzero(user == one) for one in people]

    def gap(chosen: Array) -> float:
        pairs = zip(rows, alone, strict=True)
        return float(
            np.mean([auc(label[chosen], a["score"][chosen]) - auc(label[chosen], b["score"][chosen]) for a, b in pairs])
        )

    drawn = [gap(np.concatenate([members[i] for i in rng.integers(0, len(people), len(people))])) for _ in range(draws)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{gap(np.arange(len(label))):+.4f} ({low:+.4f} to {high:+.4f})"


if __name__ == "__main__":
    main()
