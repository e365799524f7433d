"""Logged features against the same computed again from the log: the newsroom served, then read back by a fresh service.

    python -m benchmarks.skew [--requests 1000]

The first 70 % of the newsroom train the shipped `home` pipeline with sixteen declared features beside its own. The rest
is lived through in order: before every tenth of its impressions and clicks a reader asks for ten items, and what the
log says comes in as events, one in twenty of them an hour late. Then everything is thrown away but the event log and
the ledger, and every decision is made again: living through the log once more, and as training would compute it.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from shortlist.app.questions import Question
from shortlist.app.recommend import recommend
from shortlist.app.service import Service
from shortlist.app.skew import Skew, skew
from shortlist.data.catalog import load
from shortlist.data.dataset import Dataset
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.spec import PipelineSpec, load_spec

FEATURES: list[dict[str, Any]] = [
    {"name": "clicks_1h", "kind": "count", "events": ["click"], "window": "1h"},
    {"name": "clicks_24h", "kind": "count", "events": ["click"], "window": "24h"},
    {"name": "clicks_7d", "kind": "count", "events": ["click"], "window": "7d", "scale": "log1p"},
    {"name": "ctr_7d", "kind": "rate", "window": "7d"},
    {"name": "looks", "kind": "debiased_ctr", "window": "28d", "eta": 0.6},
    {"name": "worth", "kind": "sum"},
    {"name": "trend", "kind": "decayed", "half_life": "3h"},
    {"name": "idle", "kind": "recency", "events": ["click"]},
    {"name": "my_clicks", "kind": "count", "owner": "user", "window": "28d"},
    {"name": "my_rate", "kind": "rate", "owner": "user"},
    {"name": "again", "kind": "count", "owner": "pair"},
    {"name": "section", "kind": "share", "column": "category"},
    {"name": "visit", "kind": "session", "gap": "2h"},
    {"name": "words", "kind": "text_similarity", "columns": ["title"]},
    {"name": "hour", "kind": "time"},
    {"name": "ctr_rank", "kind": "relative", "column": "ctr_7d"},
]


def spec() -> PipelineSpec:
    """`home` with the features."""
    values = load_spec("home").model_dump(mode="json")
    return PipelineSpec.from_dict(
        {**values, "feature": FEATURES, "hydrator": [*values["hydrator"], {"use": "features"}]}
    )


class Wall:
    """A clock that stands where it is put."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


def lived(
    requests: int, *, late: float = 0.05, share: float = 0.7, seed: int = 0
) -> tuple[Service, Dataset, Pipeline, Wall]:
    """A service that lived through the end of the newsroom's log, with at least so many decisions recorded."""
    data = load("newsroom")
    cut = float(np.quantile(data.interactions.at, share))
    past = data.before(cut)
    fitted = Pipeline(spec()).fit(past)
    wall = Wall(cut)
    service = Service(wall=wall)
    service.swap_parts("b1", past, fitted.models, {"home": fitted.spec}, float(past.interactions.at.max()))
    rng = np.random.default_rng(seed)
    stream = list(events(data, cut))
    every = max(1, len(stream) // requests)
    waiting: list[tuple[float, dict[str, Any]]] = []
    asked = 0
    for n, (at, event) in enumerate(stream):
        wall.at = max(wall.at, at)
        waiting.append((at + (3_600.0 if rng.random() < late else 0.0), event))
        due = [one for when, one in waiting if when <= wall.at]
        waiting = [pair for pair in waiting if pair[0] > wall.at]
        if due:
            take(service, due)
        asked += n % every == 0
        # A list and its click bear one time; nobody asks between the two.
        if asked and (n + 1 == len(stream) or stream[n + 1][0] > at):
            asked -= 1
            wall.at += 1e-3
            reader = data.users.ids[int(rng.integers(data.n_users))]
            recommend(service, Question(user_id=reader, k=10, context={"device": "phone"}))
            service.recorder.flush()
            wall.at += 1e-3
    take(service, [one for _, one in waiting])
    return service, past, fitted, wall


def events(data: Dataset, after: float):
    """(time, event) of everything from a moment on, in order of time."""
    clicks, shown = data.interactions, data.impressions
    done = [
        (float(clicks.at[j]), {
            "event": "interaction", "event_id": f"c{j}", "type": clicks.types[clicks.type[j]],
            "user_id": data.users.ids[clicks.user[j]], "item_id": data.items.ids[clicks.item[j]],
            "value": float(clicks.value[j]), "occurred_at": float(clicks.at[j]),
        })
        for j in np.flatnonzero(clicks.at >= after).tolist()
    ]  # fmt: skip
    seen = [
        (float(shown.at[i]), {
            "event": "impression", "event_id": f"s{i}", "request_id": f"r{i}", "occurred_at": float(shown.at[i]),
            "user_id": data.users.ids[shown.user[i]],
            "items": [
                {"item_id": data.items.ids[one], "position": place}
                for place, one in enumerate(shown.item[shown.offsets[i] : shown.offsets[i + 1]].tolist())
            ],
        })
        for i in np.flatnonzero(shown.at >= after).tolist()
    ]  # fmt: skip
    yield from sorted(done + seen, key=lambda pair: pair[0])


def take(service: Service, rows: list[dict[str, Any]]) -> None:
    from shortlist.app.ingest import ingest

    for start in range(0, len(rows), 200):
        receipt = ingest(service, rows[start : start + 200])
        assert receipt.count("rejected") == 0, receipt


def read_back(service: Service, past: Dataset, fitted: Pipeline, wall: Wall) -> Service:
    """A fresh service over the same log and ledger."""
    service.recorder.flush()
    fresh = Service(service.log, service.ledger, wall=wall)
    fresh.swap_parts("b1", past, fitted.models, {"home": fitted.spec}, float(past.interactions.at.max()))
    return fresh


def report(found: Skew) -> None:
    print(f"{found.decisions} decisions, {found.rows} rows, {len(found.columns)} columns")
    print(f"rows equal in every column: {100 * found.equal_rows:.3f} %")
    print(f"lists with the same first ten: {100 * found.equal_lists:.3f} %")
    for column in found.columns:
        if column.equal < 1.0:
            print(f"  {column.column}: {100 * column.equal:.3f} % equal, psi {column.psi:.5f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.skew")
    parser.add_argument("--requests", type=int, default=1_000)
    chosen = parser.parse_args()
    for late, said in ((0.0, "every event in time"), (0.05, "one event in twenty an hour late")):
        parts = lived(chosen.requests, late=late)
        print(f"{said}, as served:")
        report(skew(read_back(*parts), most=chosen.requests))
        print(f"{said}, as trained:")
        report(skew(read_back(*parts), most=chosen.requests, as_trained=True))


if __name__ == "__main__":
    main()
