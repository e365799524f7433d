"""Replays of whole pipelines: every request at its own moment, nothing of its future in sight."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import shortlist as sl
from shortlist.core.errors import LeakDetected, NotFitted
from shortlist.data.dataset import Impressions
from shortlist.data.splits import split
from shortlist.evaluation.backtest import LEAKY, Recorder, backtest, replay_split
from shortlist.evaluation.evaluator import evaluate
from shortlist.evaluation.replay import without_asked
from shortlist.features.history import HistoryState
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.spec import PipelineSpec, load_spec
from tests.evaluation.worlds import noise, world

PLAIN = {
    "name": "plain",
    "k": 5,
    "model": [{"label": "next", "use": "markov"}],
    "query": [{"use": "history"}],
    "source": [{"use": "model", "model": "next", "k": 50}, {"use": "popular", "k": 50}],
    "hydrator": [{"use": "model_score", "model": "next"}],
    "filter": [{"use": "seen"}],
    "scorer": [{"use": "blend", "weights": {"score.next": 1.0}}],
    "effect": [{"use": "record"}],
}


@pytest.fixture(scope="module")
def spec():
    return PipelineSpec.from_dict(PLAIN)


@pytest.fixture(scope="module")
def cycle():
    """Everybody goes round 0..9, starting anywhere: the next item is certain."""
    return world([(u, (u + step) % 10) for step in range(5) for u in range(50)], n_items=12)


@pytest.fixture(scope="module")
def newsroom():
    return sl.load("newsroom")


@pytest.fixture(scope="module")
def replay(newsroom):
    return backtest("home", replay_split(newsroom), intervals=200)


def test_a_planted_cycle_is_followed(spec, cycle):
    found = backtest(spec, split(cycle, "leave-last-out"), k=1)
    assert found.full.metrics["recall@1"] == 1.0
    assert found.found == 1.0
    assert found.comparison.difference == pytest.approx(1.0 - found.candidates.metrics["ndcg@1"])


def test_pipeline_of_one_model_equals_the_model(spec, cycle):
    made = split(noise(80, 15, 6), "leave-last-out")
    fitted = Pipeline(spec).fit(made.train)
    model = evaluate(fitted.models["next"], made, 3, ties="served")
    pipeline = evaluate(fitted, made, 3)
    # The pipeline fills up with popular items what the model has no evidence for; where the model speaks, they agree.
    spoken = model.slates >= 0
    assert spoken.mean() > 0.8
    assert (pipeline.slates[spoken] == model.slates[spoken]).all()
    assert pipeline.rules["ranking"] == "pipeline"
    assert pipeline.chance == {}


@pytest.mark.parametrize("protocol", ["leave-last-out", "global-time", "strong-gen"])
def test_as_of_reads_of_the_log_are_the_histories_of_the_protocol(protocol):
    data = noise(60, 20, 8)
    # Many events in one second: the case in which a read strictly before `now` would meet the very event asked for.
    events = dataclasses.replace(data.interactions, at=np.floor(data.interactions.at / 200))
    made = split(dataclasses.replace(data, interactions=events), protocol)
    read = HistoryState.from_dataset(without_asked(made.data, made.test)).read(made.test.user, made.test.now, 1000)
    assert read.offsets.tolist() == made.test.history.offsets.tolist()
    assert read.item.tolist() == made.test.history.item.tolist()


def test_same_second_as_the_event_before_does_not_hide_the_target(spec, cycle):
    events = dataclasses.replace(cycle.interactions, at=np.floor(cycle.interactions.at / 1000))
    found = backtest(spec, split(dataclasses.replace(cycle, interactions=events), "leave-last-out"), k=1)
    assert found.full.metrics["recall@1"] == 1.0


def test_effects_go_to_the_recorder(spec, cycle):
    found = backtest(spec, split(cycle, "leave-last-out"), k=2)
    assert found.decisions.count == 50
    first = found.decisions.decisions[0]
    assert first["request_id"] == "replay-0"
    assert first["items"] == [f"i{i}" for i in found.full.slates[0]]
    assert len(first["propensities"]) == 2


def test_recorder_keeps_the_first_and_counts_all():
    recorder = Recorder(keep=2)
    recorder.record({"a": 1}, {"a": 2}, {"a": 3})
    recorder.record({"a": 4})
    assert (recorder.count, recorder.decisions) == (4, [{"a": 1}, {"a": 2}])


def test_a_pipeline_that_saw_the_future_is_refused(spec, cycle):
    made = split(cycle, "leave-last-out")
    with pytest.raises(LeakDetected, match="other events"):
        backtest(Pipeline(spec).fit(cycle), made)
    with pytest.raises(NotFitted):
        backtest(Pipeline(spec), made)
    fitted = backtest(Pipeline(spec).fit(made.train), made, k=1)
    assert np.isnan(fitted.fit_seconds)
    assert fitted.to_dict()["fit_seconds"] is None


def test_only_the_latest_requests_when_there_are_many(spec, cycle):
    made = split(cycle, "leave-last-out")
    found = backtest(spec, made, k=1, max_requests=7)
    assert len(found.full.slates) == 7
    assert found.full.split["options"]["latest"] == 7
    assert found.full.metrics["recall@1"] == 1.0


def test_share_of_impressions_cuts_where_impressions_are():
    data = noise(40, 20, 6)
    shown = Impressions(
        np.arange(10), np.linspace(200.0, 239.0, 10), np.arange(0, 21, 2), np.arange(20), np.tile([True, False], 10)
    )
    made = replay_split(dataclasses.replace(data, impressions=shown), at=0.5)
    assert made.options["moment"] == pytest.approx(219.5)
    assert len(made.train.impressions) == 5
    assert replay_split(data, at=0.5).options["moment"] == 121.0


def test_logged_impressions_are_the_requests(newsroom, replay):
    cut = replay.full.split["options"]["moment"]
    after = int((newsroom.impressions.at >= cut).sum())
    assert replay.full.protocol == "replay"
    assert len(replay.full.slates) == after == replay.decisions.count
    assert {s.stage for s in replay.stages} >= {"history", "seen", "ranker", "record"}


def test_the_full_pipeline_earns_its_place(replay):
    assert replay.comparison.difference > 0
    assert replay.comparison.low > 0
    assert replay.found > 0.9


def test_leak_free_figure_stands_beside_the_leaky_one_and_its_name(replay):
    ranker = replay.ranker["ranker"]
    assert ranker["leaky"]["name"] == LEAKY
    assert 0.7 < ranker["auc"] < 0.9
    assert ranker["leaky"]["auc"] > ranker["auc"] + 0.1
    assert 0.5 < ranker["gauc"] < ranker["leaky"]["gauc"]
    assert ranker["normalised_entropy"] < 1.0
    shuffled = ranker["shuffled"]
    assert shuffled["low"] < shuffled["auc"] < shuffled["high"]


def test_the_report_says_whether_probabilities_come_true(replay):
    ranker = replay.ranker["ranker"]
    curve = ranker["reliability"]
    assert sum(curve["rows"]) == ranker["rows"]
    assert np.diff(curve["predicted"]).min() > 0
    gaps = np.abs(np.subtract(curve["predicted"], curve["observed"]))
    assert np.average(gaps, weights=curve["rows"]) == pytest.approx(ranker["calibration_error"])
    assert 0 < ranker["brier"] < 0.2


def test_a_calibrated_ranker_is_judged_like_any_other(newsroom):
    spec = load_spec("home").with_overrides({"model.ranker.calibration": "isotonic"})
    ranker = backtest(spec, replay_split(newsroom), leaky=False, intervals=10).ranker["ranker"]
    assert ranker["calibration_error"] < 0.025
    assert ranker["shuffled"]["low"] < ranker["shuffled"]["auc"] < ranker["shuffled"]["high"]


def test_report_is_json(replay):
    report = replay.to_dict()
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["full"]["metrics"]["ndcg@10"] >= report["candidates"]["metrics"]["ndcg@10"]
    assert report["comparison"]["metric"] == "ndcg@10"
    assert report["pipeline"]["hash"] == load_spec("home").hash


def test_the_past_does_not_change_when_the_future_is_cut_off(newsroom, replay):
    """Answers to the earlier half of the requests are the same when the log ends right after them."""
    made = replay_split(newsroom)
    shown = newsroom.impressions.at[newsroom.impressions.at >= made.options["moment"]]
    end = float(np.quantile(shown, 0.5))
    short = backtest(
        "home", split(newsroom.before(end), "global-time", at=made.options["moment"], cold=True), leaky=False
    )
    earlier = np.flatnonzero(shown < end)
    assert len(earlier) > 100
    assert short.full.slates.tolist() == replay.full.slates[earlier].tolist()
