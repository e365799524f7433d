"""Runs are recorded as JSON always, and in MLflow where it is installed and asked for."""

import json
import math
import warnings

import numpy as np
import pytest

from shortlist import bundles
from shortlist.bundles import track
from shortlist.core.errors import BadConfig, BadRequest, MissingExtra


@pytest.fixture
def ref(root, parts):
    return bundles.publish(root, **parts)


def test_a_run_is_json(tmp_path, ref, parts):
    record = track.record_run(
        tmp_path,
        name="train home",
        params={"k": 10, "model": {"reg": 2.5, "name": "ease"}},
        metrics={"ndcg@10": np.float64(0.25), "auc": {"leak_free": 0.6}, "bad": math.nan, "note": "text", "flag": True},
        bundle=ref,
        tags={"owner": "tests"},
        started_at=5.0,
    )
    values = json.loads(record.path.read_text())
    assert record.path.parent == tmp_path / "runs"
    assert values["params"] == {"k": "10", "model.reg": "2.5", "model.name": "ease"}
    assert values["metrics"] == {"ndcg@10": 0.25, "auc.leak_free": 0.6}
    assert (values["bundle"], values["artifact"]) == (ref.id, str(ref.path))
    assert values["tags"]["data_fingerprint"] == parts["data"].fingerprint
    assert values["tags"]["spec_hash.home"] == bundles.load(ref.path).specs["home"].hash
    assert values["tags"]["owner"] == "tests"
    assert values["started_at"] == 5.0 < values["ended_at"]
    assert values["mlflow"] == {"run": None, "version": None, "problem": ""}
    assert track.list_runs(tmp_path) == [values]


def test_runs_are_listed_newest_first(tmp_path, monkeypatch):
    for at in (1.7e9, 1.8e9):
        monkeypatch.setattr(track.time, "time", lambda at=at: at)
        track.record_run(tmp_path, name=f"at {at:.0f}", params={}, metrics={})
    (tmp_path / "runs" / "99990101T000000-broken.json").write_text("{")
    assert [run["name"] for run in track.list_runs(tmp_path)] == ["at 1800000000", "at 1700000000"]
    assert track.list_runs(tmp_path / "nowhere") == []


def test_the_commit_is_tagged_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(track.shutil, "which", lambda name: None)
    record = track.record_run(tmp_path, name="x", params={}, metrics={})
    assert "git_commit" not in json.loads(record.path.read_text())["tags"]


def test_a_missing_extra_is_said_before_anything_is_written(tmp_path, monkeypatch):
    def missing(module, extra):
        raise MissingExtra(module, extra)

    monkeypatch.setattr(track, "import_extra", missing)
    with pytest.raises(MissingExtra, match=r"shortlist\[track\]"):
        track.record_run(tmp_path, name="x", params={}, metrics={}, tracking_uri="mlflow")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("uri", ["./mlruns", "file:///tmp/mlruns", "mlruns", ""])
def test_folders_are_no_tracking_uri(tmp_path, uri):
    with pytest.raises(BadConfig, match="sqlite"):
        track.mlflow_uri(tmp_path, uri)


def test_metric_names():
    assert track.metric_name("ndcg@10") == "ndcg_at_10"


# --- the real thing ---------------------------------------------------------------------------------------------------


@pytest.fixture
def mlflow(monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Its own imports and database migrations warn; what we test is our side.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip("mlflow", reason="the extra `track` is not installed")


def test_mlflow_keeps_params_metrics_artifact_and_version(tmp_path, root, ref, parts, mlflow):
    before = mlflow.get_tracking_uri()
    record = track.record_run(
        tmp_path, name="train home", params={"k": 10}, metrics={"ndcg@10": 0.25}, bundle=ref, tracking_uri="mlflow"
    )
    assert record.problem == ""
    assert mlflow.get_tracking_uri() == before
    assert not list(tmp_path.rglob("*.pkl"))
    uri = track.mlflow_uri(tmp_path, "mlflow")
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    run = client.get_run(record.mlflow_run)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"k": "10"}
    assert run.data.metrics == {"ndcg_at_10": 0.25}
    assert run.data.tags["data_fingerprint"] == parts["data"].fingerprint
    assert run.data.tags["bundle"] == ref.id

    assert track.mark_production(tmp_path, ref.id, "mlflow") == record.version == "1"
    other = bundles.publish(root, **{**parts, "seed": 9})
    assert track.mark_production(tmp_path, other.id, "mlflow") is None
    later = track.record_run(tmp_path, name="again", params={}, metrics={}, bundle=other, tracking_uri="mlflow")
    assert later.version == "2"
    assert int(client.get_model_version_by_alias("shortlist", "production").version) == 1
    assert track.mark_production(tmp_path, other.id, "mlflow") == "2"
    assert client.get_model_version_by_alias("shortlist", "production").tags["bundle"] == other.id
    assert track.mark_production(tmp_path, ref.id, "mlflow") == "1"  # a rollback

    # The registered artifact is the bundle, byte for byte.
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        model = mlflow.pyfunc.load_model("models:/shortlist@production")
    finally:
        mlflow.set_tracking_uri(before)
        mlflow.set_registry_uri(before)
    loaded = model.unwrap_python_model().bundle
    assert loaded.id == ref.id
    assert bundles.verify(loaded.path).files == bundles.verify(ref.path).files

    pandas = pytest.importorskip("pandas", reason="MLflow asks with pandas tables")
    answer = model.predict(pandas.DataFrame({"user_id": ["u1", "u2"]}), params={"k": 3, "model": "popular"})
    expected = bundles.load(ref.path).models["popular"].recommend(["u1", "u2"], k=3)
    assert answer["item_id"].tolist() == expected["item_id"].to_list()
    assert len(answer) == 6


def test_a_broken_registry_is_reported_and_the_json_stays(tmp_path, ref, mlflow):
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 1000)
    record = track.record_run(tmp_path, name="x", params={"a": 1}, metrics={}, bundle=ref, tracking_uri="mlflow")
    assert "MLflow did not record" in record.problem
    assert track.list_runs(tmp_path)[0]["params"] == {"a": "1"}
    assert track.list_runs(tmp_path)[0]["mlflow"]["problem"] == record.problem


def test_only_bundle_ids_reach_the_registry(tmp_path, mlflow):
    with pytest.raises(BadRequest):
        track.mark_production(tmp_path, "x' or tags.bundle like '%", "mlflow")
