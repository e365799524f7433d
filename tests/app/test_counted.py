"""What was missing, old, too large, unseen or without a score while answering is counted, and the answer stands."""

import numpy as np
import pytest

from shortlist.app.counted import UNSEEN, Counted, ages, counted
from shortlist.app.questions import Question
from shortlist.app.recommend import recommend
from shortlist.app.service import Service
from shortlist.pipeline.stages.scorers.first_score import FirstScore
from tests.app.world import parts, spec

NOW = 1_700_600_000.0
FEATURES = [
    {"name": "age_of_last", "kind": "recency", "owner": "user"},
    {"name": "price", "kind": "field", "column": "price", "default": -1.0},
    {"name": "fresh", "kind": "count", "events": ["click"], "ttl": "1h", "default": 0.0},
]


def serve():
    data, models, _ = parts()
    hydrators = [{"use": "model_score", "model": "knn", "only_missing": True}, {"use": "features"}]
    service = Service(wall=lambda: NOW)
    service.swap_parts("b1", data, models, {"home": spec("home", feature=FEATURES, hydrator=hydrators)}, NOW)
    return service


def named(service):
    return {(one.name, one.reason): one.values for one in counted(service)}


def test_nothing_is_counted_before_there_is_a_bundle():
    assert counted(Service()) == []


def test_values_are_counted_by_surface_feature_and_reason():
    service = serve()
    before = named(service)
    slate = recommend(service, Question(user_id="stranger", k=5))
    assert len(slate.items) == 5, "each value has its default, so the answer stands"
    after = named(service)
    # Trying the bundle out has asked for a stranger before; this one adds every candidate's age of no event.
    assert after["age_of_last", "missing"] > before.get(("age_of_last", "missing"), 0)
    assert after["fresh", "stale"] > 0, "clicks of last week are older than an hour"
    assert ("price", "missing") not in after
    assert {one.surface for one in counted(service)} == {"home"}


def test_rows_of_scenarios_that_were_not_taught_are_counted():
    service = serve()

    class Ranker:
        unseen_rows = 7

    service.state.learning.models["ranker"] = Ranker()
    assert Counted("", "ranker", UNSEEN, 7) in counted(service)


def test_a_scorer_that_gives_no_number_is_counted_and_its_rows_sink(monkeypatch):
    def broken(self, requests, candidates):
        score = np.arange(len(candidates), dtype=float)
        score[:3] = (np.nan, np.inf, -np.inf)
        return {"score": score}

    service = serve()
    monkeypatch.setattr(FirstScore, "score", broken)
    slate = recommend(service, Question(user_id="U0", k=20))
    assert slate.without_score == (("first_score", 3),)
    scores = [pick.score for pick in slate.items]
    finite = [score is not None and np.isfinite(score) for score in scores]
    assert finite == sorted(finite, reverse=True), "what has no score is never ranked first"


def test_a_stream_that_stands_still_shows_as_age():
    """C8: nothing arrives for two days; the age of what is read grows with the clock, values go missing."""
    clock = [NOW]
    data, models, _ = parts()
    hydrators = [{"use": "model_score", "model": "knn", "only_missing": True}, {"use": "features"}]
    service = Service(wall=lambda: clock[0])
    service.swap_parts("b1", data, models, {"home": spec("home", feature=FEATURES, hydrator=hydrators)}, NOW)

    def age():
        recommend(service, Question(user_id="U0", k=5))
        [found] = [one for one in ages(service) if one.name == "fresh"]
        assert found.surface == "home"
        return found.seconds

    first = age()
    clock[0] += 2 * 86_400.0
    assert age() == pytest.approx(first + 2 * 86_400.0, abs=1.0)
    slate = recommend(service, Question(user_id="U0", k=5))
    service.recorder.flush()
    logged = service.ledger.get(slate.request_id)["columns"]["fresh"]
    assert set(logged) == {0.0}, "the default of what is not known, never last week's count"


@pytest.mark.parametrize("reason", ["missing", "stale"])
def test_prometheus_reads_them(reason):
    from shortlist.doors.http.metrics import Metrics

    service = serve()
    recommend(service, Question(user_id="stranger", k=5))
    metrics = Metrics()
    metrics.without_score("home", "ranker", 2)
    text = metrics.text(0, counted(service), ages=ages(service)).decode()
    name = {"missing": "age_of_last", "stale": "fresh"}[reason]
    value = named(service)[name, reason]
    line = f'shortlist_unusual_values_total{{name="{name}",reason="{reason}",surface="home"}} {float(value)}'
    assert line in text
    assert 'shortlist_feature_age_seconds{name="fresh",surface="home"}' in text
    assert 'shortlist_rows_without_score_total{stage="ranker",surface="home"} 2.0' in text
