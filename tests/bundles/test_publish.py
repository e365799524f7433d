"""Publish, verify, load: the same parts come back, and nothing else ever becomes visible."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from shortlist import Pipeline, bundles
from shortlist.bundles.manifests import ID
from shortlist.core.errors import (
    BadConfig,
    BundleMismatch,
    NotFitted,
    OperatorError,
    StageError,
    StoreUnavailable,
)
from shortlist.core.registry import create
from shortlist.core.types import History, Requests
from shortlist.models.ranking.gbdt import Gbdt
from shortlist.pipeline.spec import load_spec
from shortlist.testing.worlds import small_log


def visible(root: Path) -> list[str]:
    return sorted(p.name for p in root.iterdir() if not p.name.startswith(".")) if root.exists() else []


def test_what_was_published_comes_back(root, parts):
    before = time.time()
    ref = bundles.publish(root, **parts, protocol="leave-last-out", tags={"owner": "tests"})
    assert ID.fullmatch(ref.id)
    assert ref.path == root / ref.id
    assert str(ref) == ref.id
    assert [p.name for p in root.iterdir()] == [ref.id]  # no working folder is left

    bundle = bundles.load(ref.path)
    assert bundle.id == ref.id
    assert bundle.data.fingerprint == parts["data"].fingerprint
    requests = Requests.of([-1], now=1.8e9, history=History.of([[3, 4]]))
    for label, model in parts["models"].items():
        ours, theirs = model.retrieve(requests, 10), bundle.models[label].retrieve(requests, 10)
        assert ours.item.tolist() == theirs.item.tolist()
        assert ours.score.tolist() == theirs.score.tolist()
    assert bundle.specs["home"].model[0].use == "ease"

    m = bundle.manifest
    assert before - 1 <= m.created_at <= time.time()
    assert (m.format, m.seed, m.protocol, m.tags) == (1, 7, "leave-last-out", {"owner": "tests"})
    assert m.metrics == {"ndcg@10": 0.25}
    assert m.models["main"].name == "ease"
    assert m.models["main"].config["reg"] == 10.0
    assert m.models["main"].items.version == parts["data"].items.version
    assert m.pipelines["home"].hash == bundle.specs["home"].hash
    assert {entry.path for entry in m.files} == {
        p.relative_to(ref.path).as_posix() for p in ref.path.rglob("*") if p.is_file() and p.name != "manifest.json"
    }


def test_a_loaded_bundle_can_be_published_again(root, parts):
    bundle = bundles.load(bundles.publish(root, **parts).path)
    again = bundles.publish(root, data=bundle.data, models=bundle.models, specs=bundle.specs)
    assert bundles.verify(again.path).models.keys() == {"main", "popular"}


def test_two_bundles_of_one_content_in_one_second_have_two_ids(root, parts, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_795_348_800.0)
    first, second = bundles.publish(root, **parts), bundles.publish(root, **parts)
    assert first.id.startswith("20261122T120000-")
    assert second.id.startswith("20261122T120001-")
    assert visible(root) == [first.id, second.id]


# --- parts that do not belong together (C7, C21) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"items": [f"i{n}" for n in reversed(range(20))]},  # reordered
        {"items": ["new", *(f"i{n}" for n in range(19))]},  # one added at the front
        {"items": [f"j{n}" for n in range(20)]},  # renamed
        {"items": [f"i{n}" for n in range(25)]},  # the model knows more than the data
        {"users": [f"u{n}" for n in reversed(range(30))]},
    ],
    ids=["reordered", "front", "renamed", "larger", "users"],
)
def test_a_model_fitted_with_other_ids_is_refused(root, parts, small_world, changed):
    other = small_world(**changed)
    models = {"main": create("ease", "retriever").fit(other)}
    with pytest.raises(BundleMismatch, match="'main'"):
        bundles.publish(root, **{**parts, "models": models})
    assert visible(root) == []


def test_a_model_fitted_when_there_were_fewer_ids_belongs(root, parts, small_world):
    earlier = small_world(items=[f"i{n}" for n in range(15)])
    models = {"main": create("ease", "retriever").fit(earlier)}
    ref = bundles.publish(root, **{**parts, "models": models})
    assert bundles.load(ref.path).manifest.models["main"].items.size == 15


def test_a_model_without_its_ids_is_refused(root, parts, tmp_path):
    parts["models"]["main"].save(tmp_path)
    loose = type(parts["models"]["main"]).load(tmp_path)
    with pytest.raises(BundleMismatch, match="which ids"):
        bundles.publish(root, **{**parts, "models": {"main": loose}})


def test_a_pipeline_that_wants_another_model_is_refused(root, parts):
    with pytest.raises(BundleMismatch, match="'ease'"):
        bundles.publish(root, **{**parts, "models": {"main": parts["models"]["popular"]}})
    assert visible(root) == []


# --- parts that must not be published ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(root, parts, value):
    parts["models"]["main"].weights_[3, 4] = value
    with pytest.raises(StageError, match=r"'main'.*finite"):
        bundles.publish(root, **parts)
    assert visible(root) == []


def test_models_that_nobody_could_load_are_refused(root, parts):
    class Homemade(type(parts["models"]["main"])):
        pass

    with pytest.raises(OperatorError, match="no registry row"):
        bundles.publish(root, **{**parts, "models": {"main": Homemade().fit(parts["data"])}})
    with pytest.raises(NotFitted):
        bundles.publish(root, **{**parts, "models": {"main": create("ease", "retriever")}})
    assert visible(root) == []


@pytest.mark.parametrize("label", ["../x", "a/b", "", ".hidden", "a b", "x" * 65, "ü", "a\n"])
def test_labels_never_lead_elsewhere(root, parts, spec, label):
    with pytest.raises(BadConfig):
        bundles.publish(root, **{**parts, "models": {label: parts["models"]["main"]}})
    with pytest.raises(BadConfig):
        bundles.publish(root, **{**parts, "specs": {label: spec}})
    assert not root.exists()


def test_metrics_are_finite_numbers(root, parts):
    for bad in (float("nan"), float("inf"), object()):
        with pytest.raises(BadConfig):
            bundles.publish(root, **{**parts, "metrics": {"auc": bad}})
    ref = bundles.publish(root, **{**parts, "metrics": {"auc": np.float32(0.5)}})
    assert bundles.verify(ref.path).metrics == {"auc": 0.5}


# --- nothing half-written ---------------------------------------------------------------------------------------------


def test_failing_at_every_sync_and_rename_leaves_nothing_visible(root, parts, monkeypatch):
    """Fail the first, second, third ... call until a run gets through; every failed run leaves the old state."""
    old = bundles.publish(root, **parts)
    bundles.promote(root, old.id)
    calls = {name: getattr(os, name) for name in ("fsync", "rename", "replace")}
    failed = 0
    for nth in range(1, 200):
        seen = 0

        def failing(name, *args, **kwargs):
            nonlocal seen
            seen += 1
            if seen == nth:  # noqa: B023
                raise OSError(5, "Input/output error")
            return calls[name](*args, **kwargs)

        with monkeypatch.context() as patch:
            for name in calls:
                patch.setattr(os, name, lambda *a, name=name, **k: failing(name, *a, **k))
            try:
                new = bundles.publish(root, **parts)
            except StoreUnavailable:
                failed += 1
                assert visible(root) == sorted([old.id, "current", "promotions.jsonl"])
                continue
        # Flushing the parent after the rename is allowed to fail in silence; any other failure must be reported.
        if seen < nth:
            break
        bundles.verify(new.path)
        import shutil

        shutil.rmtree(new.path)
    assert failed > 10
    assert seen < nth
    assert bundles.current(root).id == old.id


KILLED = """
import sys
from pathlib import Path
import polars as pl
from shortlist import Pipeline, bundles
from shortlist.core.registry import create
from shortlist.data.dataset import Dataset
rows = [(f"u{n % 30}", f"i{n % 7}", 1.7e9 + n) for n in range(300)]
world = Dataset.from_frames(pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row"))
model = create("popularity", "retriever").fit(world)
print("ready", flush=True)
while True:
    bundles.publish(Path(sys.argv[1]), data=world, models={"main": model}, specs={})
"""


def test_a_killed_publisher_leaves_whole_bundles_only(root):
    for round_ in range(4):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(root)], stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(0.05 + 0.017 * round_)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    for info in bundles.list_bundles(root):
        assert bundles.verify(info.path).id == info.id


def test_folders_of_dead_publishers_are_removed_later(root, parts):
    root.mkdir()
    for name, age in ((".publish-1-dead", 100_000), (".publish-2-busy", 10)):
        (root / name / "data").mkdir(parents=True)
        os.utime(root / name, (time.time() - age,) * 2)
    bundles.publish(root, **parts)
    assert {p.name for p in root.iterdir() if p.name.startswith(".")} == {".publish-2-busy"}


def test_a_folder_that_cannot_be_written(tmp_path, parts):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable, match="nothing was published"):
        bundles.publish(tmp_path / "file" / "bundles", **parts)


def test_the_manifest_is_json_that_people_can_read(root, parts):
    ref = bundles.publish(root, **parts)
    values = json.loads((ref.path / "manifest.json").read_text())
    assert values["id"] == ref.id
    assert len(values["checksum"]) == 64


@pytest.fixture(scope="module")
def fitted_home():
    """Data and the home pipeline with a ranker."""
    data = small_log()
    spec = load_spec("home").with_overrides({"model.ranker.min_rows": 5})
    return data, Pipeline(spec).fit(data)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda self, requests, table: np.full((len(table), 1), np.nan), "are no numbers"),
        (lambda self, requests, table: np.full((len(table), 1), 0.25), "the same score"),
        (lambda self, requests, table: np.tile(np.arange(len(table)) * 1.0, (2, 1)).T, "for 1 tasks"),
        (lambda self, requests, table: np.empty((len(table), 0)), "for 1 tasks"),
    ],
    ids=["nan", "constant", "two heads", "no head"],
)
def test_a_ranker_that_came_out_wrong_is_neither_published_nor_promoted(
    fitted_home, tmp_path, monkeypatch, wrong, said
):
    """Also where no pipeline taught it: publishing asks it about candidates, and nothing becomes visible."""
    data, pipe = fitted_home
    root = tmp_path / "bundles"
    sound = bundles.publish(root, data=data, models=pipe.models, specs={"home": pipe.spec})
    bundles.promote(root, sound.id)
    monkeypatch.setattr(Gbdt, "score", wrong)
    with pytest.raises(StageError, match=f"(?s)'ranker' of 'home' gave .*{said}"):
        bundles.publish(root, data=data, models=pipe.models, specs={"home": pipe.spec})
    assert [one.id for one in bundles.list_bundles(root)] == [sound.id]
    assert bundles.current(root).id == sound.id


def test_a_ranker_with_other_heads_than_it_says_is_refused_by_the_server(fitted_home, tmp_path, monkeypatch):
    """It was published soundly and computes something else where it is loaded: the bundle before keeps serving."""
    from shortlist.app.deploy import promote
    from shortlist.app.questions import Question
    from shortlist.app.recommend import recommend
    from shortlist.app.service import Service

    data, pipe = fitted_home
    root = tmp_path / "bundles"
    first, second = (
        bundles.publish(root, data=data, models=pipe.models, specs={"home": pipe.spec}, tags={"n": n}) for n in "12"
    )
    bundles.promote(root, first.id)
    service = Service(root=root)
    service.swap(bundles.load(first.path))
    for wrong in (lambda self, r, t: np.ones((len(t), 2)), lambda self, r, t: np.full((len(t), 1), np.nan)):
        with monkeypatch.context() as patch:
            patch.setattr(Gbdt, "score", wrong)
            with pytest.raises(BundleMismatch, match="home"):
                promote(service, second.id)
        assert service.bundle_id == first.id
        assert bundles.current(root).id == first.id
        assert len(recommend(service, Question(user_id="u0")).items)
