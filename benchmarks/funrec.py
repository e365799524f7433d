"""The retrieval table that FunRec publishes for MovieLens 1M, row by row: the section of docs/results.md.

    python -m benchmarks.funrec --models popularity,item_knn,funk_svd,bias_svd --seeds 0,1,2
    python -m benchmarks.funrec --models sdm,mind --columns file --keep runs
    python -m benchmarks.funrec --models eges --columns time --valid --set eges.decay=0.9

Three columns, not to be mixed. One event of each of 6,040 users is asked, films are ranked without a sample:

file    what the published code does: the last row of a user in the file is asked, the rows before it are the history;
        all 3,706 films ranked, seen ones not left out
time    what its text says: the same, but the user's latest event is asked
ours    `leave-last-out`: the latest event, seen films left out, films with fewer than five events dropped

`time` and `ours` are two ways to ask one fit, which never saw films with fewer than five events: where such a film is
asked in `time`, the answer counts as wrong. Models have the published widths and names. Networks are not fitted on the
event before the one asked, which only says when to stop and whose NDCG@10, seen films left out, they print as `valid`;
all others are. Settings are chosen on that event: `--valid` asks for it instead. Fits of `--keep` are not made again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.options import add_settings
from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.types import Floats, History
from shortlist.data.catalog import load
from shortlist.data.dataset import Dataset
from shortlist.data.splits import Split, split
from shortlist.evaluation.evaluator import evaluate
from shortlist.evaluation.stats import bootstrap_intervals

SHOWN = {"HR@5": "hit_rate@5", "HR@10": "hit_rate@10", "NDCG@5": "ndcg@5", "NDCG@10": "ndcg@10",
         "P@5": "precision@5", "P@10": "precision@10"}  # fmt: skip
PUBLISHED: Mapping[str, Mapping[str, float]] = {
    "funk_svd": {"HR@5": 0.0013, "HR@10": 0.0025, "NDCG@5": 0.0008, "NDCG@10": 0.0012},
    "bias_svd": {"HR@5": 0.0012, "HR@10": 0.0275, "NDCG@5": 0.0006, "NDCG@10": 0.0099},
    "fm_retrieval": {"HR@5": 0.0310, "HR@10": 0.0467, "NDCG@5": 0.0189, "NDCG@10": 0.0240, "P@5": 0.0062,
                     "P@10": 0.0047},
    "dssm": {"HR@5": 0.0131, "HR@10": 0.0161, "NDCG@5": 0.0075, "NDCG@10": 0.0084},
    "youtube_dnn": {"HR@5": 0.0041, "HR@10": 0.0126, "NDCG@5": 0.0023, "NDCG@10": 0.0050},
    "eges": {"HR@5": 0.0129, "HR@10": 0.0189, "NDCG@5": 0.0078, "NDCG@10": 0.0097},
    "mind": {"HR@5": 0.0012, "HR@10": 0.0058, "NDCG@5": 0.0006, "NDCG@10": 0.0020},
    "sdm": {"HR@5": 0.0513, "HR@10": 0.0555, "NDCG@5": 0.0342, "NDCG@10": 0.0356, "P@5": 0.0103, "P@10": 0.0055},
}  # fmt: skip
"""What the book prints, one pass and one run each."""
COMPARABLE = ("file", "time")
"""Columns that published figures stand beside."""
FLOORS = ("popularity", "item_knn")
"""What a figure is worth: models without anything learned, beside every table."""
NETWORK: Mapping[str, Any] = {
    "refit": False, "batch_size": 32, "learning_rate": 5e-3, "dropout": 0.0, "loss": "sampled_ce", "negatives": 256,
    "negative_sampling": "uniform", "negatives_outside_history": False, "validation_users": 1000, "epochs": 1,
}  # fmt: skip
"""One pass, as published, in large steps; what was seen may be a negative, since two columns do not leave it out."""
SHORT: Mapping[str, Any] = {"max_len": 10, "batch_size": 160}
"""Of models that read the mean of a history: ten events say more of what follows than fifty."""
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "popularity": {},
    "item_knn": {},
    "markov": {},
    "funk_svd": {"factors": 8, "epochs": 2, "reg": 0.02},
    "bias_svd": {"factors": 8, "epochs": 8, "decay": 0.9, "reg": 0.02},
    "fm_retrieval": {**NETWORK, "factors": 8, **SHORT},
    "dssm": {**NETWORK, "factors": 8, "user_hidden": (128, 64), "item_hidden": (128, 64)},
    "youtube_dnn": {**NETWORK, "factors": 16},
    "eges": {"factors": 16, "columns": ("genres",), "session_gap_s": None, "walks": 10, "walk_length": 10, "window": 5,
             "epochs": 1, "fusion": "sum", "id_dropout": 0.0, "batch_size": 4096, "learning_rate": 0.03,
             "negatives": 256, "decay": 0.3},
    "mind": {**NETWORK, "factors": 16, "interests": 4},
    "sdm": {**NETWORK, "factors": 16, "heads": 2},
}  # fmt: skip
"""Widths, walks, heads and interests as published; lengths of histories, and how `eges` forgets, chosen on validation
events."""
OWN: Mapping[tuple[str, str], Mapping[str, Any]] = {("file", "eges"): {"decay": 0.1}, ("file", "mind"): {"epochs": 2}}
"""Settings of one fit of one model."""
ZEROS = 5
"""Films drawn per event that stand for "not wanted" where a model learns from labels, as published."""
LABELLED = ("funk_svd", "bias_svd")
"""Models of ratings: they learn that an event is one and a drawn film zero, and never see stars."""


@dataclass(frozen=True)
class Column:
    """A protocol.

    Attributes:
        parts: the data divided; its test part is asked.
        learned: the split whose training part models are fitted on.
        filter_seen: whether films of the history are left out.
        fit: name of the fit, which columns may share.
    """

    parts: Split
    learned: Split
    filter_seen: bool
    fit: str


@dataclass(frozen=True)
class Row:
    """Figures per user of one model with one seed under one protocol, and what the fit took."""

    per_user: Mapping[str, Floats]
    about: Mapping[str, Any]


def main() -> None:
    """Print one JSON line per fit and column, then a table per column."""
    chosen = arguments()
    asked = chosen.columns.split(",")
    columns = prepared(load("ml-1m"), asked)
    own: dict[str, dict[str, Any]] = {}
    for key, value in chosen.settings:
        name, _, setting = key.rpartition(".")
        own.setdefault(name, {})[setting] = value
    found: dict[str, dict[str, list[Row]]] = {name: {} for name in asked}
    for name in asked:
        print(json.dumps({"column": name, **described(columns[name])}), flush=True)
    for seed in map(int, chosen.seeds.split(",")):
        for model in chosen.models.split(","):
            known = registry.load(model, "retriever").Config.model_fields
            shared = {key: value for key, value in own.get("", {}).items() if key in known}
            extra = {**shared, **own.get(model, {})}
            for name, row in rows(columns, asked, model, seed, extra, chosen.keep, chosen.valid).items():
                shown = {"column": name, "model": model, "seed": seed, **row.about, **means(row.per_user)}
                print(json.dumps({**shown, "valid": True} if chosen.valid else shown), flush=True)
                found[name].setdefault(model, []).append(row)
    for name in () if chosen.valid else asked:
        print(f"\n{table(name, found[name])}")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.funrec", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--models", default=",".join(SETTINGS))
    parser.add_argument("--columns", default="file,time,ours")
    parser.add_argument("--seeds", default="0")
    add_settings(parser, of="[MODEL.]", about=", of one or all that have it")
    parser.add_argument("--keep", type=Path, help="folder of finished fits")
    parser.add_argument("--valid", action="store_true", help="ask for the event before the one that is asked")
    return parser.parse_args()


def prepared(data: Dataset, asked: Sequence[str] = ("file", "time", "ours")) -> dict[str, Column]:
    """The protocols of MovieLens 1M, those asked for and those that share a fit with them."""
    columns = {}
    if "file" in asked:
        events = data.interactions
        in_file = replace(
            data, interactions=replace(events, at=np.arange(len(events), dtype=np.float64)), name=f"{data.name} by row"
        )
        parts = split(in_file, "leave-last-out")
        columns["file"] = Column(parts, parts, False, "file")
    if "time" in asked or "ours" in asked:
        latest, ours = split(data, "leave-last-out"), split(data, "leave-last-out", min_item_events=5)
        columns["time"] = Column(latest, ours, False, "time")
        columns["ours"] = Column(ours, ours, True, "time")
    return columns


def described(column: Column) -> dict[str, Any]:
    """How many are asked, and how far the asked films alone give the answer away."""
    times = np.sort(np.bincount(column.parts.test.truth.item))[::-1]
    return {
        "users": len(column.parts.test),
        "films": int((np.bincount(column.learned.data.interactions.item) > 0).sum()),
        "films_asked": int((times > 0).sum()),
        "share_of_the_five_asked_most": round(float(times[:5].sum() / times.sum()), 3),
        "agreement_on_order": round(agreement(column.parts.data.sequences), 3),
    }


def agreement(history: History, users: int = 1500, films: int = 15) -> float:
    """Of pairs of films that at least four of some users met, the mean share of users who met them in the usual order.

    Chance gives about two thirds: with few users a pair, one order is ahead by luck.
    """
    rng = np.random.default_rng(0)
    first, second = np.triu_indices(films, 1)
    pairs = []
    for user in np.flatnonzero(history.lengths >= films)[:users]:
        own = history.item[history.offsets[user] : history.offsets[user + 1]]
        some = own[np.sort(rng.choice(len(own), films, replace=False))]
        pairs.append(np.stack([some[first], some[second]]))
    if not pairs:
        return float("nan")
    before, after = np.concatenate(pairs, axis=1)
    key = np.minimum(before, after) * (history.item.max() + 1) + np.maximum(before, after)
    _, pair, times = np.unique(key, return_inverse=True, return_counts=True)
    rising = np.bincount(pair, before < after)
    often = times >= 4
    return float(np.maximum(rising, times - rising)[often].sum() / times[often].sum()) if often.any() else float("nan")


def rows(
    columns: Mapping[str, Column], asked: Sequence[str], model: str, seed: int, extra: Mapping[str, Any],
    folder: Path | None, valid: bool,
) -> dict[str, Row]:  # fmt: skip
    """By column, the figures of one model with one seed; columns that share a fit are asked together."""
    found: dict[str, Row] = {}
    for fit in dict.fromkeys(columns[name].fit for name in asked):
        settings = {**SETTINGS[model], **OWN.get((fit, model), {}), **extra}
        mark = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
        together = [name for name, column in columns.items() if column.fit == fit]
        end = f"{model}-{seed}-{mark}-{'valid' if valid else 'test'}.npz"
        places = {name: None if folder is None else folder / f"{name}-{end}" for name in together}
        if all(place is not None and place.exists() for place in places.values()):
            found |= {name: read(place) for name, place in places.items() if place is not None}
            continue
        fitted, about = made(columns[together[0]].learned, model, seed, settings, valid)
        for name in together:
            found[name] = Row(judged(fitted, columns[name], valid), about)
            if (place := places[name]) is not None:
                place.parent.mkdir(parents=True, exist_ok=True)
                figures = np.stack([found[name].per_user[metric] for metric in SHOWN.values()])
                np.savez(place, about=json.dumps(about), figures=figures)
    return {name: found[name] for name in asked}


def read(place: Path) -> Row:
    """A kept row."""
    with np.load(place, allow_pickle=False) as file:
        return Row(dict(zip(SHOWN.values(), file["figures"], strict=True)), json.loads(str(file["about"])))


def made(parts: Split, name: str, seed: int, settings: dict[str, Any], valid: bool) -> tuple[Any, dict[str, Any]]:
    """A fitted model, and what the fit took. Networks never learn from the last event of what they are given."""
    kind = registry.load(name, "retriever")
    model = kind(**settings)
    learns_all = "refit" not in settings
    train = parts.tune_train if valid and learns_all else parts.train
    assert train is not None
    if name in LABELLED:
        train = with_zeros(train, ZEROS, seed)
    began = time.process_time()
    model.fit(train, FitContext(seed=seed, threads=1))
    about: dict[str, Any] = {"core_s": round(time.process_time() - began, 1)}
    if name in LABELLED:
        by_cosine(model)
    search = getattr(model, "report_", {}).get("search", {})
    if search:
        about |= {"passes": search["best_epoch"], "valid": round(search["best"], 4)}
    elif "epochs" in settings or hasattr(model.config, "epochs"):
        about["passes"] = model.config.epochs
    return model, about


def judged(model: Any, column: Column, valid: bool) -> Mapping[str, Floats]:
    """float64[B] by metric, of the events asked, or of those before them."""
    parts = column.parts
    if valid:
        assert parts.tune_train is not None
        assert parts.tune_test is not None
        parts = replace(parts, train=parts.tune_train, test=replace(parts.tune_test), tune_train=None, tune_test=None)
    metrics = ("hit_rate", "ndcg", "precision")
    result = evaluate(model, parts, (5, 10), metrics=metrics, filter_seen=column.filter_seen, intervals=0)
    return {metric: result.per_user[metric] for metric in SHOWN.values()}


def with_zeros(train: Dataset, per_event: int, seed: int) -> Dataset:
    """The same events with the value one, and for each some films the user never met with the value zero."""
    events = train.interactions
    met = np.zeros((train.n_users, train.n_items), bool)
    met[events.user, events.item] = True
    known = np.flatnonzero(np.bincount(events.item, minlength=train.n_items))
    user = np.repeat(events.user, per_event)
    item = np.random.default_rng(seed).choice(known, len(user))
    fresh = ~met[user, item]
    user, item = user[fresh], item[fresh]
    value = np.concatenate([np.ones(len(events), np.float32), np.zeros(len(user), np.float32)])
    both = replace(
        events,
        user=np.concatenate([events.user, user]),
        item=np.concatenate([events.item, item]),
        at=np.concatenate([events.at, np.repeat(events.at, per_event)[fresh]]),
        value=value,
        type=np.concatenate([events.type, np.repeat(events.type, per_event)[fresh]]),
    )
    return replace(train, interactions=both, name=f"{train.name} with zeros")


def by_cosine(model: Any) -> None:
    """Let a fitted model of ratings answer by cosine, as the book does: item vectors, bias included, of length one."""
    length = np.sqrt((model.item_factors_.astype(np.float64) ** 2).sum(1) + model.item_bias_**2)
    length[length == 0] = 1.0
    model.item_factors_ = (model.item_factors_ / length[:, None]).astype(np.float32)
    model.item_bias_ = model.item_bias_ / length


# --- tables ----------------------------------------------------------------------------------------------------------


def means(per_user: Mapping[str, Floats]) -> dict[str, float]:
    """Means over users by shown name."""
    return {shown: round(float(per_user[metric].mean()), 4) for shown, metric in SHOWN.items()}


def table(column: str, found: Mapping[str, Sequence[Row]]) -> str:
    """Means over seeds with 95 % intervals over users, what is published, and what beats what."""
    lines = [
        f"**{column}**\n",
        "| model | seeds | HR@5 | HR@10 | NDCG@5 | NDCG@10 | P@5 / P@10 | passes, CPU s | published | beats |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    floors = {name: averaged(found[name]) for name in FLOORS if name in found}
    for model, seeds in found.items():
        own = averaged(seeds)
        cells = [f"{short(own[SHOWN[name]].mean())} ({interval(own[SHOWN[name]])})" for name in list(SHOWN)[:4]]
        precision = f"{short(own['precision@5'].mean())} / {short(own['precision@10'].mean())}"
        spent = ", ".join(str(row.about.get("passes", "")) for row in seeds) + "; "
        spent += " ".join(f"{row.about['core_s']:.0f}" for row in seeds)
        goal = PUBLISHED.get(model, {}) if column in COMPARABLE else {}
        named = " / ".join(short(goal[name]) for name in list(SHOWN)[:4]) if goal else ""
        beaten = verdict(model, own, floors, goal)
        lines.append(f"| {model} | {len(seeds)} | {' | '.join(cells)} | {precision} | {spent} | {named} | {beaten} |")
    return "\n".join(lines)


def verdict(
    model: str, own: Mapping[str, Floats], floors: Mapping[str, Mapping[str, Floats]], goal: Mapping[str, float]
) -> str:
    """Whether a row beats the published one, if it may be compared, in every figure, and the floors in NDCG@10."""
    said = []
    if goal:
        missed = [name for name, value in goal.items() if own[SHOWN[name]].mean() <= value]
        said.append(f"**not published {', '.join(missed)}**" if missed else "published")
    for name, floor in floors.items():
        if name == model:
            continue
        low, high = ends(own["ndcg@10"] - floor["ndcg@10"])
        said.append(name if low > 0 else f"**below {name}**" if high < 0 else f"**level with {name}**")
    return ", ".join(said)


def averaged(seeds: Sequence[Row]) -> dict[str, Floats]:
    """float64[B] by metric, each user's mean over seeds."""
    return {metric: np.mean([row.per_user[metric] for row in seeds], axis=0) for metric in SHOWN.values()}


def interval(values: Floats) -> str:
    """The 95 % bootstrap interval of a mean over users."""
    low, high = ends(values)
    return f"{short(low)} to {short(high)}"


def ends(values: Floats) -> tuple[float, float]:
    """Both ends of it."""
    low, high = bootstrap_intervals(values[:, None], draws=1000, level=0.95, seed=0)
    return float(low[0]), float(high[0])


def short(value: float) -> str:
    """Four places without the zero before the point."""
    return f"{value:.4f}".removeprefix("0")


if __name__ == "__main__":
    main()
