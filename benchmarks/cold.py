"""Items without any event on MovieLens 100K: the table of docs/results.md.

    python -m benchmarks.cold --models content,cb2cf --seeds 0,1,2
    python -m benchmarks.cold --models cb2cf --valid --set 'hidden=[256]'

Protocol item-cold: a tenth of the films with five events lose all of theirs, and their viewers are asked for them by
what else they saw; the seed chooses the films too. Films compete with each other only, equal scores count against the
model. Beside the models stand `random` and the films of the genres that were watched most (`genres`). With `--valid`
other films are asked, which is where settings belong to be chosen.
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
from shortlist.core.types import Array, Floats
from shortlist.data.catalog import load
from shortlist.data.dataset import Dataset
from shortlist.data.splits import Split, split
from shortlist.data.splits.tuning import tuning_part
from shortlist.evaluation.evaluator import evaluate
from shortlist.models.base import CatalogueModel

CONTENT = {"columns": ["genres", "year"]}
SETTINGS: dict[str, dict[str, Any]] = {
    "content": {"mode": "columns", "columns": ["genres"], "decay": "none"},
    "cb2cf": CONTENT,
    "clcrec": CONTENT,
    "dropoutnet": CONTENT,
    "meta_embedding": CONTENT,
}


class Fixed(CatalogueModel):
    """One score per item for everybody."""

    def __init__(self, score: Floats) -> None:
        super().__init__()
        self.score_, self.n_items_, self.n_users_ = score, len(score), 0

    def score_block(self, requests: Any) -> Floats:
        """The same row for each."""
        return np.tile(self.score_, (len(requests), 1))


def main() -> None:
    """Print one JSON line per fit and the mean over seeds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold")
    parser.add_argument("--models", default="random,genres,content,cb2cf")
    parser.add_argument("--seeds", default="0")
    add_settings(parser)
    parser.add_argument("--valid", action="store_true", help="ask the films that settings are chosen on")
    chosen = parser.parse_args()
    extra = dict(chosen.settings)
    data = load("ml-100k")
    for name in chosen.models.split(","):
        figures = []
        for seed in map(int, chosen.seeds.split(",")):
            made = split(data, "item-cold", seed=seed)
            row = run(name, tuning_part(made) if chosen.valid else made, seed, extra)
            figures.append(row["ndcg@10"])
            print(json.dumps(row), flush=True)
        print(f"{name}: NDCG@10 {np.mean(figures):.4f}, mean of {len(figures)}", flush=True)


def run(name: str, made: Split, seed: int, extra: dict[str, Any]) -> dict[str, Any]:
    """Fit one model and ask it for the cold films."""
    began = time.process_time()
    cold = np.unique(made.test.truth.item)
    model: Any
    if name == "genres":
        model = Fixed(genre_popularity(made.train, cold))
    else:
        config = {**SETTINGS.get(name, {}), **extra}
        model = registry.create(name, "retriever", **config).fit(made.train, FitContext(seed=seed, threads=1))
    seconds = time.process_time() - began
    found = evaluate(model, made, candidates=cold)
    return {
        "model": name, "seed": seed, "films": len(cold), "users": len(made.test),
        "recall@10": round(found.metrics["recall@10"], 4), "ndcg@10": round(found.metrics["ndcg@10"], 4),
        "interval": [round(x, 4) for x in found.interval["ndcg@10"]], "core_seconds": round(seconds, 1),
    }  # fmt: skip


def genre_popularity(train: Dataset, cold: Array) -> Floats:
    """float64[M], mean events of the films that share a genre, over an item's genres."""
    assert train.item_table is not None
    rows = train.item_table["genres"].to_list()
    names = sorted({genre for row in rows for genre in row or []})
    has = np.array([[name in (row or []) for name in names] for row in rows], np.float64)
    events = np.bincount(train.interactions.item, minlength=train.n_items)
    warm = np.ones(train.n_items, bool)
    warm[cold] = False
    mean = (has[warm] * events[warm, None]).sum(axis=0) / has[warm].sum(axis=0).clip(1)
    score: Floats = (has @ mean) / has.sum(axis=1).clip(1)
    return score


if __name__ == "__main__":
    main()
