import numpy as np
import polars as pl
import pytest

from shortlist.core.errors import BadConfig, UnknownName
from shortlist.data.dataset import Dataset
from shortlist.data.splits import split
from shortlist.data.splits.tuning import random_cut, tuning_part
from shortlist.jobs import tune as tuning
from shortlist.jobs.space import Choice, Range
from shortlist.jobs.subjects import config_of
from shortlist.jobs.tune import tune


def circle(n_users=60, n_items=30, length=8, seed=0):
    """Everybody walks around a circle of items: only a model that minds the order knows the next one."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, n_items, n_users)
    user = np.repeat(np.arange(n_users), length)
    item = (np.repeat(start, length) + np.tile(np.arange(length), n_users)) % n_items
    return Dataset.from_frames(
        pl.DataFrame(
            {
                "user_id": [f"u{u}" for u in user],
                "item_id": [f"i{i}" for i in item],
                "timestamp": np.tile(np.arange(length) * 3600, n_users) + 1_700_000_000,
            }
        )
    )


ORDER = {"order_weight": Range(0.0, 100.0), "beta": Choice((0.0, 1.0))}


def test_finds_the_setting_that_matters():
    space = {"order_weight": Choice((0.0, 1.0)), "beta": Range(0.0, 1.0)}
    found = tune("trails", circle(), space=space, k=1, trials=12, threads=1)
    blind = max(t.value for t in found.trials if t.settings["order_weight"] == 0.0)
    assert found.best.value == max(t.value for t in found.trials) > blind
    assert found.best.settings["order_weight"] == 1.0
    assert found.tuned.metrics["ndcg@1"] > 0.9, "with the order, the next item of the circle is certain"
    assert len(found.trials) == 12
    assert set(found.importance) == set(ORDER)
    assert sum(found.importance.values()) == pytest.approx(1.0)
    assert found.protocol["protocol"] == "leave-last-out"
    assert found.to_dict()["trials"] == {"complete": 12, "pruned": 0, "failed": 0}


def test_the_present_settings_are_tried_first_and_the_same_seed_repeats():
    first = tune("trails", circle(), space=ORDER, trials=4, threads=1, seed=3)
    again = tune("trails", circle(), space=ORDER, trials=4, threads=1, seed=3)
    other = tune("trails", circle(), space=ORDER, trials=4, threads=1, seed=4)
    assert first.trials[0].settings["order_weight"] == config_of("trails")().order_weight
    assert [t.settings for t in first.trials] == [t.settings for t in again.trials]
    assert [t.settings for t in first.trials] != [t.settings for t in other.trials]


def test_a_stopped_search_goes_on(tmp_path):
    file = tmp_path / "deep" / "study.db"
    short = tune("trails", circle(), space=ORDER, trials=3, threads=1, storage=file)
    longer = tune("trails", circle(), space=ORDER, trials=5, threads=1, storage=file)
    assert longer.trials[:3] == short.trials
    assert len(longer.trials) == 5
    assert len({str(t.settings) for t in longer.trials}) == 5, "no setting is drawn again"
    done = tune("trails", circle(), space=ORDER, trials=5, threads=1, storage=file)
    assert done.trials == longer.trials
    assert len(tune("trails", circle(seed=1), space=ORDER, trials=2, threads=1, storage=file).trials) == 2, "other data"


def test_trials_that_fail_are_kept_and_the_rest_goes_on(monkeypatch):
    asked = tuning.ModelSubject.ask

    def sometimes(self, settings, made, seed):
        if settings.get("beta") == 1.0:
            raise BadConfig("beta of one is out of order", hint="use another")
        return asked(self, settings, made, seed)

    monkeypatch.setattr(tuning.ModelSubject, "ask", sometimes)
    found = tune("trails", circle(), space=ORDER, trials=10, threads=1)
    failed = [t for t in found.trials if t.state == "failed"]
    assert failed
    assert {t.error for t in failed} == {"beta of one is out of order"}
    assert found.best.settings["beta"] == 0.0
    with pytest.raises(BadConfig, match="No trial could be judged: beta of one"):
        tune("trails", circle(), space={"beta": Choice((1.0,))}, trials=2, threads=1)


def test_weak_trials_end_after_their_first_seed(monkeypatch):
    fits = []

    def value(self, settings, seed):
        fits.append(seed)
        return -((settings["reg"] - 100.0) ** 2) / 1e6 - seed / 1e9

    monkeypatch.setattr(tuning.ModelSubject, "validate", value)
    found = tune("ease", circle(), space={"reg": Range(1.0, 1000.0)}, trials=30, seeds=2, threads=1)
    pruned = [t for t in found.trials if t.state == "pruned"]
    assert pruned
    assert fits.count(0) == 30
    assert fits.count(1) == 30 - len(pruned)
    assert all(t.value is None for t in pruned)


def test_settings_are_chosen_without_the_test_part(monkeypatch):
    data = circle()
    made = split(data, "leave-last-out")
    parts = []
    asked = tuning.ModelSubject.ask

    def watched(self, settings, made, seed):
        parts.append(made)
        return asked(self, settings, made, seed)

    monkeypatch.setattr(tuning.ModelSubject, "ask", watched)
    tune("trails", data, space=ORDER, trials=3, threads=1)
    *searched, default, tuned = parts
    assert len(searched) == 3
    for part in searched:
        assert part.train.n_events == data.n_events - 2 * data.n_users
        assert part.test.truth.item.tolist() != made.test.truth.item.tolist()
    assert default.test.truth.item.tolist() == tuned.test.truth.item.tolist() == made.test.truth.item.tolist()


def test_a_model_of_a_pipeline(newsroom):
    space = {"trees": Range(5, 40, whole=True)}
    found = tune("ranker", newsroom, pipeline="home", space=space, trials=2, threads=1)
    assert found.subject == {"model": "gbdt", "label": "ranker", "pipeline": "home"}
    assert found.trials[0].settings == {"trees": 40}, "the pipeline's own setting"
    assert found.protocol["protocol"] == "global-time"
    with pytest.raises(BadConfig, match="no model 'rankr'"):
        tune("rankr", newsroom, pipeline="home")


def test_what_cannot_be_searched_is_said_at_once(newsroom):
    with pytest.raises(UnknownName):
        tune("trials", circle())
    with pytest.raises(UnknownName):
        tune("trails", circle(), metric="ndgc")
    with pytest.raises(BadConfig, match="nothing to search"):
        tune("random", circle())
    with pytest.raises(BadConfig, match="single rows"):
        tune("trails", newsroom, protocol="ctr-random-811")


@pytest.mark.parametrize("protocol", ["leave-last-out", "global-time", "strong-gen"])
def test_the_part_for_tuning_lies_within_the_training_part(protocol):
    made = split(circle(), protocol)
    inner = tuning_part(made)
    hidden = set(zip(made.test.user[made.test.truth.row].tolist(), made.test.truth.item.tolist(), strict=True))
    events = inner.train.interactions
    known = set(zip(events.user.tolist(), events.item.tolist(), strict=True))
    asked = set(zip(inner.test.user[inner.test.truth.row].tolist(), inner.test.truth.item.tolist(), strict=True))
    assert asked
    assert not asked & hidden
    assert not known & asked
    assert not known & hidden


def test_a_random_cut_asks_a_share_of_each_users_items():
    data = circle(length=10)
    made = random_cut(data, share=0.2, seed=1)
    assert np.diff(made.test.truth.offsets).tolist() == [2] * data.n_users
    assert made.train.n_events == data.n_events - 2 * data.n_users
    same, other = random_cut(data, share=0.2, seed=1), random_cut(data, share=0.2, seed=2)
    assert same.test.truth.item.tolist() == made.test.truth.item.tolist() != other.test.truth.item.tolist()
