"""Features: events folded per minute and per event, and 500 candidates read from memory, SQLite and Redis.

    python -m benchmarks.features [--redis redis://127.0.0.1:6379/0] [--events 1000000]

Made data: items drawn by a power law over 28 days, half clicks, half impressions; ten features over six windows. Two
lists of 500 candidates are asked: drawn from all items, and the 500 most used ones, whose values are the largest that
can be. CPU is this process's, wall includes the server. Medians of 300 reads, the middle one of five replays.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from statistics import median

import numpy as np

from shortlist.core.types import Candidates, Requests
from shortlist.data.vocab import Vocab
from shortlist.features.catalogue import ItemTable
from shortlist.features.facts import SHOWN, Facts
from shortlist.features.spec import make_features
from shortlist.features.state import FeatureState
from shortlist.features.stored import StoredState
from shortlist.stores.open import open_store

ITEMS, USERS, DAYS = 20_000, 50_000, 28
FEATURES = [
    {"name": "clicks_1h", "kind": "count", "events": ["click"], "window": "1h"},
    {"name": "clicks_24h", "kind": "count", "events": ["click"], "window": "24h"},
    {"name": "events_7d", "kind": "count", "window": "7d"},
    {"name": "ctr_7d", "kind": "rate", "window": "7d"},
    {"name": "looks_28d", "kind": "debiased_ctr", "window": "28d"},
    {"name": "trend", "kind": "decayed", "half_life": "3h"},
    {"name": "idle", "kind": "recency"},
    {"name": "my_clicks", "kind": "count", "owner": "user", "window": "28d"},
    {"name": "ctr_rank", "kind": "relative", "column": "ctr_7d"},
    {"name": "hour", "kind": "time"},
]


def made(n: int) -> Facts:
    rng = np.random.default_rng(0)
    at = np.sort(rng.uniform(0, DAYS * 86_400.0, n)) + 1.7e9
    item = np.minimum((rng.pareto(1.0, n) * 50).astype(np.int64), ITEMS - 1)
    kind, place = rng.integers(0, 2, n), rng.integers(0, 10, n)
    return Facts(at, rng.integers(0, USERS, n), item, kind, np.ones(n), place, ("click", SHOWN))


def timed(call, n: int) -> tuple[float, float]:
    """(CPU, wall) of the middle call, milliseconds."""
    cpu, wall = [], []
    for _ in range(n):
        began, busy = time.perf_counter(), time.process_time()
        call()
        cpu.append(time.process_time() - busy)
        wall.append(time.perf_counter() - began)
    return median(cpu) * 1e3, median(wall) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.features")
    parser.add_argument("--redis", default="", help="URL of a Redis to measure, with a prefix of its own")
    parser.add_argument("--events", type=int, default=1_000_000)
    chosen = parser.parse_args()
    facts, features = made(chosen.events), make_features(FEATURES)
    sizes = {"item": ITEMS, "user": USERS, "all": 1}
    FeatureState(facts.take(np.arange(1_000)), sizes).need(features.measures)

    def replay() -> FeatureState:
        state = FeatureState(facts, sizes)
        state.need(features.measures)
        return state

    cpu, _ = timed(replay, 5)
    rate = chosen.events / cpu * 60e3 / 1e6
    print(f"replay: {rate:.0f} M events a minute and core into {len(features.measures)} measures of 3 owners")

    state, rng, now = replay(), np.random.default_rng(1), float(facts.at[-1])
    took = []
    for n in range(20_000):
        item = int(facts.item[rng.integers(chosen.events)])
        fact = (now + n * 1e-3, int(rng.integers(USERS)), item, "click" if n % 2 else SHOWN, 1.0, 3)
        began = time.perf_counter()
        state.fold([fact])
        took.append((time.perf_counter() - began) * 1e6)
    print(f"fold: {median(took):.1f} us median, {np.quantile(took, 0.99):.1f} us p99, {np.mean(took):.1f} us mean")

    asked, tables = Requests.of([5], now=now + 100.0), ItemTable(0)
    lists = {
        "any items": np.random.default_rng(2).choice(ITEMS, 500, replace=False),
        "the most used": np.argsort(-np.bincount(facts.item, minlength=ITEMS), kind="stable")[:500],
    }
    users, items = Vocab(f"u{n}" for n in range(USERS)), Vocab(f"i{n}" for n in range(ITEMS))

    def reads(where: str, source) -> None:
        for name, chosen_items in lists.items():
            table = Candidates(np.zeros(500, np.int32), chosen_items.astype(np.int64), 1)
            cpu, wall = timed(lambda table=table: features.columns(asked, table, source, tables, None), 300)
            print(f"500 candidates from {where}, {name}: {cpu:.2f} ms CPU, {wall:.2f} ms wall")

    reads("memory", state)
    with tempfile.TemporaryDirectory() as folder:
        urls = {"a memory store": "memory:", "SQLite": f"sqlite:{folder}/features.db"}
        if chosen.redis:
            urls["Redis"] = f"{chosen.redis}?prefix=benchmark&timeout_ms=5000"
        for where, url in urls.items():
            store = open_store("feature_store", url)
            stored = StoredState(store, features, users, items)
            stored.fill(facts)
            reads(where, stored)
            store.erase(["all", *(f"user:{one}" for one in users.ids), *(f"item:{one}" for one in items.ids)])
            store.close()


if __name__ == "__main__":
    main()
