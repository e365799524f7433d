"""A state is tried out before anybody sees it: no caller pays for compilation, and what fails is told."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from shortlist.app.ingest import ingest
from shortlist.app.questions import Question
from shortlist.app.recommend import recommend
from shortlist.app.warm import try_out
from shortlist.core.errors import BundleMismatch, StageError, StoreUnavailable
from shortlist.models.retrieval.item_knn import ItemKnn
from shortlist.pipeline.run import Runner
from shortlist.pipeline.stages.hydrators.features import Features
from tests.app.world import click, parts, spec

FEATURE = {"name": "clicks", "kind": "count", "events": ["click"], "window": "28d", "default": 0.0}
WITH_FEATURES = {"feature": [FEATURE], "hydrator": [{"use": "model_score", "model": "knn", "only_missing": True},
                                                    {"use": "features"}]}  # fmt: skip


def with_features():
    data, models, specs = parts()
    return data, models, {"home": spec("home", **WITH_FEATURES), "similar": specs["similar"]}


@pytest.fixture
def waiting(monkeypatch):
    """Features are read as from a store: in a room of their own, within a budget, and left out where that fails."""
    plain = Features.connect

    def connect(self):
        plain(self)
        self.may_wait, self.optional, self.defaults = True, True, {"clicks": 0.0}

    monkeypatch.setattr(Features, "connect", connect)
    monkeypatch.setattr(Features, "budget_ms", 1000.0)


def swap(service, made, bundle="b2"):
    service.swap_parts(bundle, *made, service.wall())


def test_every_pipeline_answers_before_the_new_state_is_seen(service, monkeypatch):
    plain, asked = Runner.run, []

    def run(self, requests, **options):
        asked.append((id(self), service.bundle_id, requests.user.tolist(), len(requests.history.item)))
        return plain(self, requests, **options)

    monkeypatch.setattr(Runner, "run", run)
    old = service.state
    swap(service, parts())
    state = service.state
    assert state is not old
    assert {bundle for _, bundle, _, _ in asked} == {"b1"}, "the old state served all the while"
    tried = {runner for runner, *_ in asked}
    assert tried == {id(runner) for runner in (*state.runners.values(), *state.rescues.values())}
    mine = [(user, history) for runner, _, user, history in asked if runner == id(state.runners["home"])]
    assert ([-1], 0) in mine
    assert any(history for _, history in mine), "a session was tried"
    assert any(user[0] >= 0 for user, _ in mine)


def test_a_stage_that_is_slow_the_first_time_degrades_no_answer(service, waiting, monkeypatch):
    """As one is that compiles: it gets its time before the swap, and only there."""
    plain, calls = Features.columns, []

    def columns(self, requests, candidates):
        calls.append(service.bundle_id)
        if len(calls) == 1:
            threading.Event().wait(1.3)
        return plain(self, requests, candidates)

    monkeypatch.setattr(Features, "columns", columns)
    swap(service, with_features())
    assert service.state.troubles == ()
    assert calls[0] == "b1"
    assert recommend(service, Question(user_id="U0")).degraded == ()


def test_what_serving_survives_is_told_and_does_not_stop_the_swap(service, waiting, monkeypatch):
    def columns(self, requests, candidates):
        raise StoreUnavailable("no answer")

    monkeypatch.setattr(Features, "columns", columns)
    swap(service, with_features())
    assert service.state.troubles == ("home: features: store_unavailable",)
    slate = recommend(service, Question(user_id="U0"))
    assert slate.bundle == "b2"
    assert slate.degraded == ("features",)


def test_a_pipeline_without_its_store_is_served_by_its_stand_in(service, monkeypatch):
    def fetch(self, requests, k, **options):
        raise StoreUnavailable("no answer")

    monkeypatch.setattr(ItemKnn, "retrieve", fetch)
    swap(service, parts())
    assert "home: pipeline: store_unavailable" in service.state.troubles
    assert recommend(service, Question(user_id="U0")).served_by == "popular"


def test_a_stage_that_breaks_its_contract_refuses_the_bundle(service, monkeypatch):
    def columns(self, requests, candidates):
        raise StageError("a bug")

    monkeypatch.setattr(Features, "columns", columns)
    with pytest.raises(BundleMismatch, match="home"):
        swap(service, with_features())
    assert service.bundle_id == "b1"
    assert len(recommend(service, Question(user_id="U0")).items)


def test_a_slow_store_is_waited_for_once(service, monkeypatch):
    seen = []
    plain = Runner.run

    def run(self, requests, *, patience_s=0.0, **options):
        seen.append(patience_s)
        slates = plain(self, requests, **options)
        late = [replace(stage, failed="deadline_exceeded") for stage in slates.trace.stages[:1]]
        return replace(slates, trace=replace(slates.trace, stages=(*late, *slates.trace.stages[1:])))

    monkeypatch.setattr(Runner, "run", run)
    troubles = try_out(service.state)
    assert seen[0] > 1.0
    assert not any(seen[1:])
    assert any("deadline_exceeded" in one for one in troubles)


def test_a_server_makes_models_ready_to_learn_also_after_a_swap(service):
    knn = service.state.learning.models["knn"]
    assert knn._live is None
    service.warm()
    assert knn._live is not None
    before = knn.similarity_.toarray()
    swap(service, parts())
    fresh = service.state.learning.models["knn"]
    assert fresh is not knn
    assert fresh._live is not None
    np.testing.assert_array_equal(fresh.similarity_.toarray(), before)
    ingest(service, [click(1, "walker", "N0"), click(2, "walker", "N5")])
    assert fresh.similarity_[[0], [5]][0] > 0
