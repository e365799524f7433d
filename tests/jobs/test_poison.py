"""Numbers that poison a fit: an unknown or endless feature, an endless label, steps far too long (C6)."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from shortlist import bundles
from shortlist.core.errors import BadRow, SchemaMismatch, StageError
from shortlist.data.dataset import Dataset
from shortlist.jobs import train as job
from shortlist.pipeline import training
from shortlist.pipeline.spec import PipelineSpec, dump_toml, load_spec
from shortlist.testing.worlds import small_log


@pytest.fixture(scope="module")
def data():
    return small_log(n_users=80, n_items=40)


def front(folder, use="logistic", config=None, **sections):
    """`home` with another ranker, in a file."""
    values = load_spec("home").model_dump(mode="json")
    for model in values["model"]:
        if model["label"] == "ranker":
            model["use"], model["config"] = use, config or {}
    values["hydrator"] += sections.pop("hydrator", [])
    path = folder / "front.toml"
    path.write_text(dump_toml(PipelineSpec.from_dict({**values, **sections})))
    return [path]


@pytest.fixture(scope="module")
def home(data, tmp_path_factory):
    """A folder in which a sound bundle serves."""
    folder = tmp_path_factory.mktemp("home")
    return folder, job.train(data, front(folder), home=folder, k=5).bundle.id


def published(folder):
    return {path.name for path in (folder / "bundles").iterdir() if (path / "manifest.json").exists()}


def priced(data, bad):
    """The log with a price of every item, the first one bad."""
    price = np.linspace(1.0, 9.0, data.n_items).tolist()
    table = data.item_table.with_columns(pl.Series("price", [bad, *price[1:]], pl.Float64))
    return replace(data, item_table=table)


COST = {"feature": [{"name": "cost", "kind": "field", "column": "price"}], "hydrator": [{"use": "features"}]}


@pytest.mark.parametrize("bad", [None, float("inf"), -1e308])
def test_one_unknown_or_endless_feature_is_no_number_anywhere(data, tmp_path, bad):
    """It counts as unknown: the fit is finite, every score of what serves is, and that item is not first by it."""
    made = job.train(priced(data, bad), front(tmp_path, **COST), home=tmp_path, k=5)
    loaded = bundles.load(made.bundle.path)
    assert "cost" in loaded.models["ranker"].columns_
    lists = made.pipelines["home"].recommend(data.users.ids[:40], k=10)
    assert np.isfinite(lists["score"].to_numpy()).all()
    first = lists.filter(pl.col("rank") == lists["rank"].min())["item_id"].to_list()
    assert first.count(data.items.ids[0]) < 20


def test_an_endless_label_never_gets_in_and_would_stop_the_job(data, home, monkeypatch):
    folder, serving = home
    events = pl.DataFrame({"user_id": ["a"], "item_id": ["x"], "timestamp": [1.0], "value": [float("inf")]})
    with pytest.raises(BadRow, match="value"):
        Dataset.from_frames(events)
    before = published(folder)
    real = training._labels

    def poisoned(*args):
        label = real(*args)
        label[3] = np.inf
        return label

    monkeypatch.setattr(training, "_labels", poisoned)
    with pytest.raises(SchemaMismatch, match="label"):
        job.train(data, front(folder), home=folder, k=5)
    assert published(folder) == before
    assert bundles.current(folder / "bundles").id == serving


def test_steps_far_too_long_never_reach_the_bundle_that_serves(data, home):
    """No numbers, no bundle."""
    folder, serving = home
    before = published(folder)
    with pytest.raises(StageError, match="not finite after fit"):
        job.train(data, front(folder, config={"learning_rate": 1e9}), home=folder, k=5)
    assert published(folder) == before
    assert bundles.current(folder / "bundles").id == serving


def test_a_ranker_that_is_worse_than_none_is_published_but_does_not_serve(data, home, monkeypatch):
    """Turned round by hand: how a fit with steps too long ends up is another story on every processor."""
    from shortlist.models.ranking.logistic import Logistic

    folder, serving = home
    real = Logistic.score_matrix
    monkeypatch.setattr(Logistic, "score_matrix", lambda self, x: 1.0 - real(self, x))
    made = job.train(data, front(folder), home=folder, k=5)
    assert made.bundle.id in published(folder)
    assert not made.promoted
    assert "ndcg@5" in made.refused
    assert bundles.current(folder / "bundles").id == serving


def test_a_ranker_that_the_replay_could_not_judge_is_not_published(data, tmp_path, monkeypatch):
    """Fitted on all of the log it tells items apart, fitted on the part before the replay it does not: left out."""
    from shortlist.models.ranking.logistic import Logistic

    fits = [0]
    real = Logistic.score_matrix

    def constant_when_judged(self, x):
        found = real(self, x)
        return found if fits[0] < 2 else np.full(len(found), 0.5)

    def counted(self, *args, **kwargs):
        fits[0] += 1
        return real_fit(self, *args, **kwargs)

    real_fit = Logistic.fit_rows
    monkeypatch.setattr(Logistic, "score_matrix", constant_when_judged)
    monkeypatch.setattr(Logistic, "fit_rows", counted)
    made = job.train(data, front(tmp_path), home=tmp_path, k=5)
    assert made.report["pipeline"]["left_out"]["ranker"].startswith("left out: gave ")
    assert "ranker" not in bundles.load(made.bundle.path).models
    assert made.pipelines["home"].notes["ranker"].startswith("left out: in the replay it gave ")
