"""What scoring costs is measured, told, and where the spec says so capped; no list depends on a clock."""

import logging
import time

import numpy as np
import pytest

from shortlist import Pipeline
from shortlist.core.types import Requests
from shortlist.models.ranking.gbdt import Gbdt
from shortlist.pipeline import costs
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.costs import ScorerCost, _round, asks_for_cap, fixed, measure
from shortlist.pipeline.spec import dump_toml, load_spec, parse_toml

MS_PER_ROW = 0.5


@pytest.fixture(scope="module")
def fitted(shop):
    spec = load_spec("home").with_overrides({"model.ranker.min_rows": 5})
    return Pipeline(spec).fit(shop)


@pytest.fixture
def slow(monkeypatch):
    """A clock by which every row takes half a millisecond, whatever else the machine does."""
    monkeypatch.setattr(costs, "_median_ms", lambda stage, requests, table: len(table) * MS_PER_ROW)


def with_scorer(spec, **settings):
    return spec.with_overrides({f"scorer.ranker.{name}": value for name, value in settings.items()})


def asked(shop, users=(0, 1, 2, -1), k=5):
    return Requests.of(list(users), now=float(shop.interactions.at.max()) + 1.0, k=k)


def test_a_ranker_within_its_budget_is_measured_and_left_alone(shop, fitted, caplog):
    spec = with_scorer(fitted.spec, budget_ms=1000.0)
    with caplog.at_level(logging.WARNING):
        specs, (cost,) = fixed({"home": spec}, shop, fitted.models)
    assert specs == {"home": spec}
    assert (cost.surface, cost.stage, cost.budget_ms) == ("home", "ranker", 1000.0)
    assert fitted.runner.stage("ranker").config.budget_ms == 10.0
    assert 0 < cost.ms < 1000
    assert 10 < cost.rows <= shop.n_items
    assert not cost.over
    assert cost.affords is None
    assert not caplog.records


def test_above_the_budget_it_is_told_with_the_measured_figures(shop, fitted, slow, caplog):
    spec = with_scorer(fitted.spec, budget_ms=8.0)
    with caplog.at_level(logging.WARNING):
        specs, (cost,) = fixed({"home": spec}, shop, fitted.models)
    assert specs == {"home": spec}, "a warning changes nothing"
    assert cost.over
    assert cost.ms == cost.rows * MS_PER_ROW
    assert cost.affords == 8 / MS_PER_ROW
    (record,) = caplog.records
    said = record.getMessage()
    assert f"{cost.ms:.1f} ms for {cost.rows} candidates, budget 8 ms" in said
    assert f"most = {cost.affords}" in said


def test_a_cap_is_fixed_once_and_stands_in_the_spec(shop, fitted, slow, caplog):
    spec = with_scorer(fitted.spec, budget_ms=8.0, over_budget="cap")
    assert asks_for_cap(spec)
    with caplog.at_level(logging.WARNING):
        specs, (cost,) = fixed({"home": spec}, shop, fitted.models)
    capped = specs["home"]
    most = capped.scorer[-1].config["most"]
    assert cost.most == cost.rows == most == 8 / MS_PER_ROW
    assert not cost.over
    assert f"The best {most} of a request are scored" in caplog.records[0].getMessage()
    assert not asks_for_cap(capped)
    assert parse_toml(dump_toml(capped)).scorer[-1].config["most"] == most
    again, (known,) = fixed(specs, shop, fitted.models)
    assert again == specs, "who publishes again keeps the cap"
    assert known.most == most


def test_wall_time_is_what_is_measured(shop, fitted, monkeypatch):
    plain = Gbdt.score_matrix

    def score_matrix(self, x):
        time.sleep(len(x) * MS_PER_ROW / 1e3)
        return plain(self, x)

    monkeypatch.setattr(Gbdt, "score_matrix", score_matrix)
    (cost,) = measure("home", fitted.runner, asked(shop))
    assert cost.ms >= cost.rows * MS_PER_ROW


def test_where_not_even_a_list_fits_the_warning_stays(shop, fitted, slow, caplog):
    spec = with_scorer(fitted.spec, budget_ms=1.0, over_budget="cap")
    with caplog.at_level(logging.WARNING):
        specs, (cost,) = fixed({"home": spec}, shop, fitted.models)
    assert specs["home"].scorer[-1].config["most"] == cost.rows == spec.k
    assert cost.over
    assert "a list needs" in caplog.records[0].getMessage()


def test_what_is_left_out_of_scoring_is_the_worst_so_far(shop, fitted):
    """The trace says how many; the best keep the very scores they had."""
    most = 12
    spec = with_scorer(fitted.spec, most=most)
    plain = build(fitted.spec, offline_world(shop, fitted.models))
    capped = build(spec, offline_world(shop, fitted.models))
    requests = asked(shop, k=5)
    before = plain.run(requests, explain=True)
    after = capped.run(requests, explain=True)
    (stage,) = [s for s in after.trace.stages if s.stage == "ranker"]
    (blend,) = [s for s in after.trace.stages if s.stage == "blend"]
    assert stage.rows_in == blend.rows_out
    assert stage.rows_out == most * len(requests) < stage.rows_in
    assert len(stage.dropped) == stage.rows_in - stage.rows_out
    for b in range(len(requests)):
        table = plain.run(requests.take(np.array([b])), until="scorer")
        blended = plain.stage("blend").score(table.requests, table.candidates)["score"]
        best = set(table.candidates.item[np.lexsort((table.candidates.item, -blended))[:most]].tolist())
        assert set(after.items(b).tolist()) <= best
    shared = np.isin(before.candidates.item, after.candidates.item)
    assert shared.any()


def test_a_capped_list_is_the_same_alone_and_in_company_and_on_every_machine(shop, fitted, slow):
    capped = build(with_scorer(fitted.spec, most=9, budget_ms=0.001), offline_world(shop, fitted.models))
    requests = asked(shop, users=range(12))
    whole = capped.run(requests)
    for b in range(12):
        alone = capped.run(requests.take(np.array([b])))
        assert alone.items(0).tolist() == whole.items(b).tolist()


def test_a_long_list_is_scored_whole(shop, fitted):
    capped = build(with_scorer(fitted.spec, most=3), offline_world(shop, fitted.models))
    slates = capped.run(asked(shop, users=(0,), k=20))
    assert len(slates.items(0)) == 20
    assert capped.run(asked(shop, users=(0,), k=2)).trace.stages[-1].rows_out >= 2


def test_if_the_ranker_fails_every_candidate_stays(shop, fitted, monkeypatch):
    from shortlist.core.errors import StoreUnavailable

    capped = build(with_scorer(fitted.spec, most=3), offline_world(shop, fitted.models))

    def away(self, x):
        raise StoreUnavailable("no answer")

    monkeypatch.setattr(Gbdt, "score_matrix", away)
    slates = capped.run(asked(shop, users=(0,), k=5))
    assert len(slates.items(0)) == 5
    (stage,) = [s for s in slates.trace.stages if s.stage == "ranker"]
    assert stage.failed
    assert stage.rows_in == stage.rows_out > 5


def test_the_hash_says_what_people_decided_and_not_what_a_clock_did(fitted):
    spec = fitted.spec
    assert spec.hash == load_spec("home").with_overrides({"model.ranker.min_rows": 5}).hash
    assert with_scorer(spec, budget_ms=3.0).hash == spec.hash
    assert with_scorer(spec, over_budget="cap").hash == spec.hash
    assert with_scorer(spec, over_budget="cap", most=40).hash == spec.hash, "measured: the bundle's, as weights are"
    assert with_scorer(spec, most=40).hash != spec.hash
    assert with_scorer(spec, most=40).hash != with_scorer(spec, most=41).hash


def test_nothing_is_measured_where_nothing_is_brought_or_no_scorer_has_a_model(shop, plain, world):
    runner = build(plain(), world)
    assert measure("home", runner, asked(shop)) == ()
    assert fixed({"home": plain()}, shop, {}) == ({"home": plain()}, ())


def test_a_pipeline_that_cannot_be_built_is_left_as_it_is_and_told(shop, fitted, caplog):
    spec = fitted.spec.model_copy(update={"hydrator": ()})
    with caplog.at_level(logging.WARNING):
        specs, found = fixed({"home": spec}, shop, fitted.models)
    assert specs == {"home": spec}
    assert found == ()
    assert "could not be measured" in caplog.text


@pytest.mark.parametrize(("n", "rounded"), [(0.3, 1), (7.9, 7), (57.2, 57), (237, 230), (1999, 1900), (10, 10)])
def test_caps_have_two_figures(n, rounded):
    assert _round(n) == rounded


def test_costs_are_plain_values():
    cost = ScorerCost("home", "ranker", 500, 12.34567, 10.0, affords=400)
    assert cost.to_dict()["ms"] == 12.346
    assert cost.capped().most == 400
