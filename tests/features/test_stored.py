"""State in a store answers as state in memory does: filled from a log, folded on, read in one round trip."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.core.errors import BadSpec
from shortlist.core.types import Candidates, Requests
from shortlist.data.vocab import Vocab
from shortlist.features.catalogue import ItemTable
from shortlist.features.facts import SHOWN, Facts
from shortlist.features.spec import make_features
from shortlist.features.state import FeatureState
from shortlist.features.stored import StoredState
from shortlist.stores.memory_features import MemoryFeatures
from shortlist.stores.open import open_store

FEATURES = [
    {"name": "clicks", "kind": "count", "events": ["click"], "window": "1h"},
    {"name": "week", "kind": "count", "window": "7d"},
    {"name": "rate", "kind": "rate", "window": "28d"},
    {"name": "looks", "kind": "debiased_ctr", "window": "24h"},
    {"name": "spent", "kind": "sum", "window": "7d"},
    {"name": "trend", "kind": "decayed", "half_life": "3h"},
    {"name": "last", "kind": "recency", "default": -1.0},
    {"name": "mine", "kind": "count", "owner": "user"},
]
ITEMS, USERS = Vocab(f"i{n}" for n in range(40)), Vocab(f"u{n}" for n in range(6))


def facts_of(n, seed=0, days=40):
    rng = np.random.default_rng(seed)
    return [
        (float(at), int(u), int(i), kind, float(value), int(place))
        for at, u, i, kind, value, place in zip(
            rng.uniform(0, days * 86_400, n), rng.integers(-1, 6, n), rng.integers(0, 40, n),
            rng.choice(["click", "buy", SHOWN], n).tolist(), rng.integers(1, 9, n) / 4, rng.integers(0, 9, n),
            strict=True,
        )
    ]  # fmt: skip


def asked(now):
    rows = np.repeat(np.arange(3, dtype=np.int32), 30)
    return Requests.of([0, 5, -1], now=now), Candidates(rows, np.tile(np.arange(15, 45), 3), 3)


def same(store, facts, later=()):
    """Columns from the store and from memory."""
    made = make_features(FEATURES)
    stored = StoredState(store, made, USERS, ITEMS)
    stored.need(made.measures)
    stored.fill(Facts.of_rows(facts), seq=1)
    memory = FeatureState(Facts.of_rows(facts))
    memory.need(made.measures)
    for n, fact in enumerate(later):
        stored.fold([fact], seq=n + 2)
        memory.fold([fact])
    for ahead in (1.0, 5_000.0, 9 * 86_400.0):
        question = asked(max(fact[0] for fact in (*facts, *later)) + ahead)
        mine = made.columns(*question, stored, ItemTable(0), None)
        theirs = made.columns(*question, memory, ItemTable(0), None)
        for name, column in theirs.items():
            assert mine[name] == pytest.approx(column, rel=1e-9, abs=1e-9), name
    return stored


def test_a_filled_and_folded_store_answers_as_memory_does():
    facts = facts_of(3_000)
    same(MemoryFeatures(), facts[:2_500], facts[2_500:])


def test_sqlite_and_redis_answer_as_memory_does(tmp_path, redis_url):
    import redis

    facts = facts_of(600, seed=1)
    same(open_store("features", f"sqlite:{tmp_path}/f.db"), facts[:500], facts[500:])
    store = open_store("features", f"{redis_url}?prefix=test-stored&timeout_ms=5000")
    try:
        same(store, facts[:500], facts[500:])
    finally:
        with redis.Redis.from_url(redis_url) as client:
            client.delete(*client.keys("test-stored:*"))


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 9))
def test_any_order_of_arrival_leaves_the_same_values(random, seed):
    facts = facts_of(60, seed)
    made = make_features(FEATURES)
    stores = []
    for _ in range(2):
        random.shuffle(facts)
        store = MemoryFeatures()
        StoredState(store, made, USERS, ITEMS).fold(facts, seq=1)
        stores.append(StoredState(store, made, USERS, ITEMS))
    question = asked(41 * 86_400.0)
    first, second = (made.columns(*question, state, ItemTable(0), None) for state in stores)
    for name in first:
        assert first[name] == pytest.approx(second[name], rel=1e-9, abs=1e-9)


def test_events_are_folded_once_however_often_they_are_sent():
    """C17: the log replayed twice leaves the store as it was."""
    facts, store = facts_of(300), MemoryFeatures()
    state = StoredState(store, make_features(FEATURES), USERS, ITEMS)
    for start in (0, 100, 200):
        state.fold(facts[start : start + 100], seq=start + 100)
    before = {key: value for key, (value, _) in store._rows[state.space].items()}
    for start in (0, 100, 200):
        state.fold(facts[start : start + 100], seq=start + 100)
    assert {key: value for key, (value, _) in store._rows[state.space].items()} == before
    assert state.seq() == 300


def test_one_round_trip_per_request():
    class Counting(MemoryFeatures):
        trips = 0

        def get_many(self, space, keys):
            self.trips += 1
            return super().get_many(space, keys)

    store, made = Counting(), make_features(FEATURES)
    state = StoredState(store, made, USERS, ITEMS)
    made.columns(*asked(9.0), state, ItemTable(0), None)
    assert store.trips == 1


def test_another_layout_is_another_space():
    store = MemoryFeatures()
    one = StoredState(store, make_features(FEATURES), USERS, ITEMS)
    wider = [{**FEATURES[0], "window": "2h"}, *FEATURES[1:]]
    other = StoredState(store, make_features(wider), USERS, ITEMS)
    assert one.space != other.space
    # Names, defaults and scales are no part of what is stored.
    renamed = [{**table, "name": f"x_{table['name']}"} for table in FEATURES]
    assert StoredState(store, make_features(renamed), USERS, ITEMS).space == one.space
    with pytest.raises(BadSpec, match="opened for other features"):
        one.need(make_features([{"name": "a", "kind": "count", "events": ["share"]}]).measures)


def test_a_forgotten_user_is_gone_from_the_store():
    made = make_features(FEATURES)
    state = StoredState(MemoryFeatures(), made, USERS, ITEMS)
    state.fill(Facts.of_rows(facts_of(500)))
    question = asked(41 * 86_400.0)
    assert made.columns(*question, state, ItemTable(0), None)["mine"][0] > 0
    assert state.forget("u0") == 1
    assert made.columns(*question, state, ItemTable(0), None)["mine"][0] == 0
