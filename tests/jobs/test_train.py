import json

import numpy as np
import pytest

from shortlist import bundles
from shortlist.core.errors import BadSpec, StoreUnavailable
from shortlist.data.catalog import load
from shortlist.jobs import train as job
from shortlist.testing.worlds import small_log


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    data = small_log(n_users=80, n_items=40)
    return home, data, job.train(data, home=home, k=5)


def test_the_bundle_is_current_whole_and_complete(trained):
    home, data, made = trained
    assert made.promoted
    assert bundles.current(home / "bundles").id == made.bundle.id
    loaded = bundles.load(made.bundle.path)
    assert set(loaded.specs) == set(job.SURFACES)
    assert {"trails", "content", "markov", "item_knn"} <= set(loaded.models)
    assert loaded.data.fingerprint == data.fingerprint


def test_the_report_says_how_it_was_measured(trained):
    _, data, made = trained
    report = made.report
    assert report["fingerprint"] == data.fingerprint
    assert report["protocol"]
    assert report["requests"] > 0
    low, high = report["full"]["interval"]["ndcg@5"]
    assert low <= report["full"]["metrics"]["ndcg@5"] <= high
    json.dumps(report, allow_nan=False)


def test_every_run_is_recorded_with_its_settings_and_figures(trained):
    home, _, made = trained
    runs = [json.loads(path.read_text()) for path in (home / "runs").glob("*.json")]
    assert len(runs) == 1
    text = json.dumps(runs[0])
    assert made.bundle.id in text
    assert "ndcg@5" in text


def test_serving_models_know_the_whole_log_but_the_figures_do_not(trained):
    _, data, made = trained
    pipe = made.pipelines["home"]
    assert pipe.data.n_events == data.n_events
    assert made.report["requests"] < data.n_events


def test_shared_labels_are_fitted_once(trained):
    _, _, made = trained
    assert made.pipelines["home"].models["trails"] is made.pipelines["session"].models["trails"]


def test_one_label_for_two_models_is_refused(tmp_path):
    text = (
        'name = "{name}"\n[[model]]\nlabel = "m"\nuse = "trails"\nconfig = {{ window = {window} }}\n'
        '[[source]]\nuse = "model"\nmodel = "m"\n[[scorer]]\nuse = "first_score"\ncolumns = ["score.m"]\n'
    )
    for name, window in (("one", 5), ("two", 6)):
        (tmp_path / f"{name}.toml").write_text(text.format(name=name, window=window))
    with pytest.raises(BadSpec, match="calls another model 'm'"):
        job.fit_pipelines(small_log(), [tmp_path / "one.toml", tmp_path / "two.toml"])


def test_a_pipeline_worse_than_its_candidates_does_not_replace_the_one_that_serves(tmp_path):
    """The scorer turns the order upside down; the replay notices, the bundle is kept but does not serve."""
    spec = (
        'name = "upside-down"\nsurface = "home"\n[[model]]\nlabel = "trails"\nuse = "trails"\n'
        '[[query]]\nuse = "history"\n[[source]]\nuse = "model"\nmodel = "trails"\nk = 40\n'
        '[[filter]]\nuse = "seen"\n[[scorer]]\nuse = "blend"\nweights = {{ "score.trails" = {weight} }}\n'
    )
    (tmp_path / "upside.toml").write_text(spec.format(weight=-1.0))
    (tmp_path / "upright.toml").write_text(spec.format(weight=1.0))
    data = small_log(n_users=200, n_items=40)
    good = job.train(data, [tmp_path / "upright.toml"], home=tmp_path, k=5)
    bad = job.train(data, [tmp_path / "upside.toml"], home=tmp_path, k=5)
    assert (good.promoted, bad.promoted) == (True, False)
    assert "ndcg@5" in bad.refused
    assert bundles.current(tmp_path / "bundles").id == good.bundle.id
    assert job.train(data, [tmp_path / "upside.toml"], home=tmp_path, k=5, promotion="insist").promoted
    first = job.train(data, [tmp_path / "upside.toml"], home=tmp_path / "new", k=5)
    assert first.promoted, "where nothing serves yet, a poor list is better than none, and the report says how poor"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda self, x: np.full(len(x), np.nan),
        lambda self, x: np.full(len(x), 0.25),
        lambda self, x: np.arange(2.0 * len(x)).reshape(-1, 2),
    ],
    ids=["nan", "constant", "two heads for one task"],
)
def test_a_broken_ranker_is_never_published(tmp_path, monkeypatch, wrong):
    """The bundle goes out without it, the blend decides, and the report says why."""
    from shortlist.models.ranking.gbdt import Gbdt
    from shortlist.pipeline.spec import dump_toml, load_spec

    (tmp_path / "front.toml").write_text(dump_toml(load_spec("home").with_overrides({"model.ranker.min_rows": 5})))
    data = small_log(n_users=80, n_items=40)
    sound = job.train(data, [tmp_path / "front.toml"], home=tmp_path / "sound", k=5)
    assert "ranker" in bundles.load(sound.bundle.path).models
    monkeypatch.setattr(Gbdt, "score_matrix", wrong)
    made = job.train(data, [tmp_path / "front.toml"], home=tmp_path / "broken", k=5)
    assert "ranker" not in bundles.load(made.bundle.path).models
    assert made.report["pipeline"]["left_out"]["ranker"].startswith("left out: gave ")
    assert made.report["ranker"] == {}


def test_publishing_alone_promotes_nothing(tmp_path):
    made = job.train(small_log(), home=tmp_path, k=5, promotion="none")
    assert not made.promoted
    assert bundles.current(tmp_path / "bundles") is None


def test_a_folder_that_cannot_be_written_is_found_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="Nothing can be written"):
        job.train(small_log(), home=tmp_path / "file", k=5)


def test_data_without_impressions_is_judged_by_last_events():
    from dataclasses import replace

    judged = job.judge(replace(small_log(), impressions=None), k=5)
    assert judged.to_dict()["protocol"] == "leave-last-out"
    assert np.isfinite(judged.found)


def test_what_scoring_costs_is_published_and_a_cap_is_judged_and_served(tmp_path, monkeypatch, caplog):
    """The bundle holds the cap, its figures are those of capped lists, and loading it measures nothing away."""
    import time

    from shortlist.app.questions import Question
    from shortlist.app.recommend import recommend
    from shortlist.app.service import Service
    from shortlist.app.status import surfaces
    from shortlist.app.why import why
    from shortlist.doors.http.metrics import Metrics
    from shortlist.models.ranking.gbdt import Gbdt
    from shortlist.pipeline.spec import dump_toml, load_spec

    plain = Gbdt.score_matrix

    def slow(self, x):
        time.sleep(len(x) * 5e-4)
        return plain(self, x)

    spec = load_spec("home").with_overrides({"model.ranker.min_rows": 5, "k": 3, "scorer.ranker.budget_ms": 6.0})
    data = small_log(n_users=80, n_items=40)
    for over in ("warn", "cap"):
        (tmp_path / f"{over}.toml").write_text(dump_toml(spec.with_overrides({"scorer.ranker.over_budget": over})))
    monkeypatch.setattr(Gbdt, "score_matrix", slow)
    warned = job.train(data, [tmp_path / "warn.toml"], home=tmp_path / "warn", k=5)
    told = bundles.manifest(tmp_path / "warn/bundles", warned.bundle.id)["costs"]
    assert told[0]["ms"] > told[0]["budget_ms"] == 6.0
    assert told[0]["most"] is None
    assert f"{told[0]['ms']:.1f} ms for {told[0]['rows']} candidates" in caplog.text

    made = job.train(data, [tmp_path / "cap.toml"], home=tmp_path / "cap", k=5)
    loaded = bundles.load(made.bundle.path)
    most = loaded.specs["home"].scorer[-1].config["most"]
    assert 3 <= most <= 12
    assert [entry.most for entry in loaded.manifest.costs] == [most]
    (stage,) = [stage for stage in made.report["stages"] if stage["stage"] == "ranker"]
    assert stage["out"] <= most * made.report["requests"] < stage["in"], "the replay was capped too"

    service = Service(root=tmp_path / "cap/bundles")
    service.swap(loaded)
    monkeypatch.setattr(Gbdt, "score_matrix", plain)
    slate = recommend(service, Question(user_id="u0"))
    ((stage, beyond),) = slate.over_cap
    (row,) = [row for row in why(service, slate.request_id)["stages"] if row["stage"] == "ranker"]
    assert (stage, row["rows_out"], row["dropped"]) == ("ranker", most, beyond)
    (surface,) = surfaces(service)["surfaces"]
    assert surface["costs"][0]["most"] == most
    metrics = Metrics()
    metrics.over_cap("home", stage, beyond)
    text = metrics.text(0, costs=service.state.costs).decode()
    assert f'shortlist_rows_over_cap_total{{stage="ranker",surface="home"}} {float(beyond)}' in text
    assert f'shortlist_scorer_cap_rows{{stage="ranker",surface="home"}} {float(most)}' in text
    assert 'shortlist_scorer_budget_ms{stage="ranker",surface="home"} 6.0' in text


def test_a_strict_judgement_keeps_the_event_before_from_the_fit():
    from dataclasses import replace

    data = replace(small_log(), impressions=None)
    assert job.judge(data, k=5, strict=True).to_dict()["options"]["strict"] is True
    assert job.cut_for_replay(data).train.n_events - job.cut_for_replay(data, strict=True).train.n_events > 0


def test_the_same_seed_and_data_give_the_same_files_byte_for_byte(trained, tmp_path):
    """C5, on one thread: models, tables and figures."""
    data = trained[1]

    def hashes(folder):
        made = job.train(data, home=folder, k=5, threads=1)
        values = json.loads((made.bundle.path / "manifest.json").read_bytes())
        return {row["path"]: row["sha256"] for row in values["files"]}, values["metrics"]

    first, second = hashes(tmp_path / "one"), hashes(tmp_path / "two")
    assert {path.split("/")[0] for path in first[0]} >= {"models", "data"}
    assert first == second


def test_a_log_ingested_twice_teaches_the_same_model(tmp_path):
    """C17: every line of the log stands in it twice, in another order; files of models and figures are the same."""
    rng = np.random.default_rng(0)
    lines = []
    for n in range(900):
        user, item = int(rng.integers(30)), int(rng.integers(25))
        event = {"event": "interaction", "event_id": f"e{n}", "user_id": f"u{user}", "item_id": f"i{item}",
                 "type": "click", "occurred_at": 1.7e9 + 600.0 * n}  # fmt: skip
        lines.append(json.dumps(event))
    once, twice = tmp_path / "once.jsonl", tmp_path / "twice.jsonl"
    once.write_text("\n".join(lines))
    again = [lines[j] for j in rng.permutation(len(lines)).tolist()]
    twice.write_text("\n".join([*lines, *again]))

    def made(path):
        loaded = load(str(path))
        bundle = job.train(loaded, home=tmp_path / path.stem, k=5, threads=1).bundle
        values = json.loads((bundle.path / "manifest.json").read_bytes())
        models = {row["path"]: row["sha256"] for row in values["files"] if row["path"].startswith("models/")}
        return loaded.fingerprint, models, values["metrics"]

    first, second = made(once), made(twice)
    assert first[1]
    assert first == second
