"""A service whose declared features live in a store: the same answers, one writer, and a store that goes away."""

import pytest

from shortlist.app.ingest import ingest
from shortlist.app.questions import Question
from shortlist.app.recommend import recommend
from shortlist.app.service import Service
from shortlist.core.errors import StoreUnavailable
from shortlist.pipeline.stages.hydrators.features import Features
from shortlist.stores.memory_features import MemoryFeatures
from shortlist.stores.open import open_store
from tests.app.world import click, parts, spec

FEATURES = [
    {"name": "clicks", "kind": "count", "events": ["click"], "window": "28d", "default": 0.0},
    {"name": "trend", "kind": "decayed", "half_life": "1d", "default": 0.0},
    {"name": "mine", "kind": "count", "owner": "user", "default": 0.0},
]
NOW = 1_700_600_000.0


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """The first request compiles what reads the store, which takes longer than a request may wait."""
    monkeypatch.setattr(Features, "budget_ms", 60_000.0)


class Wall:
    """Every service of a test sees the same moments."""

    def __init__(self):
        self.at = NOW

    def __call__(self):
        self.at += 1e-3
        return self.at


def serve(store=None, *, features=FEATURES, publishes=True, bundle="b1"):
    data, models, _ = parts()
    wanted = spec("home", feature=features, hydrator=[
        {"use": "model_score", "model": "knn", "only_missing": True}, {"use": "features"}
    ])  # fmt: skip
    service = Service(wall=Wall(), features=store, publishes=publishes)
    service.swap_parts(bundle, data, models, {"home": wanted}, NOW)
    return service


def columns(service, user="U0"):
    """Columns of the next decision, and its answer."""
    slate = recommend(service, Question(user_id=user, k=5))
    service.recorder.flush()
    decision = service.ledger.recent(limit=1)[0]
    found = {name: decision["columns"][name] for name in ("clicks", "trend", "mine")}
    return decision["items"], found, slate


def test_the_store_answers_as_memory_does(tmp_path):
    plain, stored = serve(), serve(open_store("features", f"sqlite:{tmp_path}/f.db"))
    for n in range(8):
        for service in (plain, stored):
            event = click(n, user_id=f"U{n % 3}", item_id=f"N{2 * n}", occurred_at=NOW - 60.0 * (n % 4))
            assert ingest(service, [event]).count("accepted") == 1
        mine, theirs = columns(plain), columns(stored)
        assert mine[0] == theirs[0]
        for name, column in mine[1].items():
            assert theirs[1][name] == pytest.approx(column, rel=1e-6), name
        assert not theirs[2].degraded


def test_another_process_reads_what_one_publishes():
    """The reader's own memory does not know the event; the store does."""
    store = MemoryFeatures()
    writer, reader = serve(store), serve(store, publishes=False)
    item = columns(reader)[0][0]
    before = columns(reader)[1]
    ingest(writer, [click("new", user_id="U7", item_id=item, occurred_at=NOW - 5.0)])
    after = columns(reader)[1]
    assert after["clicks"][0] == before["clicks"][0] + 1.0


def test_bundles_do_not_mix():
    store = MemoryFeatures()
    serve(store, bundle="b1")
    spaces = set(store._rows)
    serve(store, bundle="b2")
    assert {space.split(".")[0] for space in store._rows} == {"b1", "b2"}
    assert spaces < set(store._rows)


class Away(MemoryFeatures):
    """A store that can be switched off."""

    away = False

    def get_many(self, space, keys):
        if self.away:
            raise StoreUnavailable("The feature store does not answer.")
        return super().get_many(space, keys)

    def put_many(self, space, rows, seq, ttl_s=None):
        if self.away:
            raise StoreUnavailable("The feature store does not answer.")
        super().put_many(space, rows, seq, ttl_s)


def test_a_store_that_goes_away_is_said_and_caught_up_with():
    """Defaults stand in, the answer says so, no event is refused, and what was missed is written afterwards."""
    store = Away()
    service = serve(store)
    item = columns(service)[0][0]
    known = columns(service)[1]["clicks"][0]
    store.away = True
    assert ingest(service, [click("x", user_id="U9", item_id=item, occurred_at=NOW - 5.0)]).count("accepted") == 1
    _, found, slate = columns(service)
    assert found["clicks"] == [0.0] * 5
    assert "features" in slate.degraded
    store.away = False
    ingest(service, [click("y", user_id="U9", item_id="N1", occurred_at=NOW - 4.0)])
    items, found, slate = columns(service)
    assert not slate.degraded
    assert found["clicks"][items.index(item)] == known + 1.0


def test_without_a_default_the_stand_in_answers():
    store = Away()
    service = serve(store, features=[{**FEATURES[0], "default": None}, *FEATURES[1:]])
    assert recommend(service, Question(user_id="U0", k=5)).served_by != "popular"
    store.away = True
    slate = recommend(service, Question(user_id="U0", k=5))
    assert slate.served_by == "popular"
    assert "store_unavailable" in slate.degraded
