"""Columns of a Feast repo on candidates: as of each request, strictly before, online and in training alike."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from shortlist.app.counted import counted
from shortlist.app.questions import Question
from shortlist.app.recommend import recommend
from shortlist.app.service import Service
from shortlist.core.errors import BadSpec, StoreUnavailable
from shortlist.core.types import Candidates, Requests
from shortlist.data.dataset import Dataset
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.spec import PipelineSpec
from shortlist.pipeline.training import training_rows

pytest.importorskip("yaml", reason="needs the extra 'feast'")

REPO = Path(__file__).parents[2] / "features/feast/repo"
START = datetime(2025, 6, 1, tzinfo=UTC).timestamp()
HOUR = 3_600.0
FEATURES = ["user_stats:clicks_7d", "user_stats:favourite", "user_stats:recent", "item_stats:ctr", "item_stats:is_new",
            "item_stats:published", "pair_stats:views", "shop:campaign"]  # fmt: skip


@pytest.fixture(scope="module")
def data():
    log = [("u1", "1", 2.0), ("u2", "2", 60.0), ("u3", "-3", 80.0), ("u1", "2", 101.0)]
    events = pl.DataFrame({"user_id": [u for u, _, _ in log], "item_id": [i for _, i, _ in log],
                           "timestamp": [START + HOUR * t for *_, t in log]})  # fmt: skip
    shown = pl.DataFrame({
        "user_id": ["u1", "u1", "u2"], "timestamp": [START + HOUR * t for t in (24.0, 49.0, 102.0)],
        "item_id": [["1", "2"], ["2", "-3"], ["1", "2"]], "clicked": [[True, False]] * 3,
    })  # fmt: skip
    return Dataset.from_frames(events, impressions=shown)


def spec(repo=REPO, **settings):
    row = {"use": "feast", "repo": str(repo), "features": FEATURES, "item": "item", **settings}
    return PipelineSpec.from_dict(
        {
            "name": "home",
            "query": [{"use": "history"}],
            "source": [{"use": "popular", "refresh_s": 0.0}],
            "hydrator": [row],
            "scorer": [{"use": "first_score", "columns": ["score.popular"]}],
        }
    )


def stage(data, repo=REPO, **settings):
    return build(spec(repo, **settings), offline_world(data)).stages["hydrator"][0]


def ask(data, hours, repo=REPO, **settings):
    """u1 and a stranger with items 1, 2 and -3, at some hour."""
    requests = Requests.of([data.users.get("u1"), -1], now=START + HOUR * hours)
    items = data.items.encode(["1", "2", "-3"])
    table = Candidates(np.repeat(np.array([0, 1], np.int32), 3), np.tile(items, 2), 2)
    return {name: col.tolist() for name, col in stage(data, repo, **settings).columns(requests, table).items()}


def test_values_are_those_of_just_before_now(data):
    found = ask(data, 50.0, read="files")
    nan = pytest.approx(np.nan, nan_ok=True)
    assert found["ctr"] == [0.1, -1e300, 0.0] * 2, "the value stamped at hour 50 itself is not seen"
    assert ask(data, 50.001, read="files")["ctr"] == [0.2, -1e300, 0.0] * 2
    assert found["clicks_7d"] == [nan] * 6, "the latest row of u1 knows nothing"
    assert ask(data, 26.0, read="files")["clicks_7d"] == [8.0] * 3 + [nan] * 3
    assert ask(data, 26.0, read="files")["favourite"] == ["science"] * 3 + [""] * 3
    assert ask(data, 26.0, read="files")["recent"] == [("i3",)] * 3 + [()] * 3
    assert found["is_new"] == [1.0, 0.0, 1.0] * 2
    assert found["published"][0] == START - 48 * HOUR
    assert found["views"] == [4.0, -2.0, *[nan] * 4]
    assert found["campaign"] == ["spring"] * 6


def test_the_online_store_counts_where_it_is_later_and_never_before_its_time(data, tmp_path):
    repo = Path(shutil.copytree(REPO, tmp_path / "repo"))
    table = repo / "data/item_stats.parquet"
    frame = pl.read_parquet(table)
    frame.filter(pl.col("ctr_raw") != 0.2).write_parquet(table)  # hour 50 was pushed online only
    for read, early, late in (("files", 0.1, 0.1), ("both", 0.1, 0.2), ("online", np.nan, 0.2)):
        assert ask(data, 50.0, repo, read=read)["ctr"][0] == pytest.approx(early, nan_ok=True)
        assert ask(data, 51.0, repo, read=read)["ctr"][0] == late


def test_a_request_alone_has_what_it_has_among_others(data):
    made = stage(data)
    requests = Requests.of([0, 1, 2, -1], now=START + HOUR * np.array([30.0, 101.0, 60.0, 80.0]))
    table = Candidates(np.repeat(np.arange(4, dtype=np.int32), 3), np.tile(np.arange(3), 4), 4)
    whole = made.columns(requests, table)
    for b in range(4):
        alone = made.columns(requests.take(np.array([b])), table.one(b))
        for name, col in whole.items():
            mine = [x if x == x else None for x in alone[name].tolist()]
            assert mine == [x if x == x else None for x in col[table.row == b].tolist()], name


def test_training_rows_know_what_was_known_when_the_list_was_shown(data):
    """A sentinel written a microsecond after each list, and at its very moment, is never in a row (C2)."""
    runner = build(spec(read="files"), offline_world(data), until="scorer")
    rows = training_rows(runner, data, data.impressions)
    assert rows.columns["ctr"].tolist() == [0.1, -1e300, -1e300, 0.0, 0.2, -1e300]
    assert rows.columns["clicks_7d"].tolist() == pytest.approx([3.0, 3.0, np.nan, np.nan, 2.0, 2.0], nan_ok=True)


@pytest.mark.parametrize("gap_us", [0, 1])
def test_a_sentinel_in_a_table_never_reaches_a_training_row(data, tmp_path, gap_us):
    repo = Path(shutil.copytree(REPO, tmp_path / "repo"))
    table = repo / "data/item_stats.parquet"
    frame = pl.read_parquet(table)
    shown = data.impressions.at
    stamps = [(int(t * 1e6) + gap_us, item) for t in shown.tolist() for item in (1, 2, -3)]
    planted = pl.DataFrame({"item": [i for _, i in stamps], "stamp": [t for t, _ in stamps]}).with_columns(
        pl.col("stamp").cast(pl.Datetime("us", "UTC")).cast(frame.schema["stamp"]), ctr_raw=pl.lit(1e9),
        is_new=pl.lit(True), published=pl.lit(None, frame.schema["published"]),
        place=pl.lit(None, frame.schema["place"]),
    ).select(frame.columns)  # fmt: skip
    pl.concat([frame, planted.cast(dict(frame.schema))]).write_parquet(table)
    first = data.impressions.take(shown == shown.min())
    runner = build(spec(repo, read="files"), offline_world(data), until="scorer")
    assert training_rows(runner, data, first).columns["ctr"].max() < 1.0
    later = data.impressions.take(shown > shown.min())
    assert training_rows(runner, data, later).columns["ctr"].max() == 1e9, "it was there to be seen"


def test_what_is_stale_or_missing_is_counted_and_has_its_default(data):
    service = Service(wall=lambda: START + HOUR * 150)
    service.swap_parts("b1", data, {}, {"home": spec(default=-1.0)}, START + HOUR * 150)
    slate = recommend(service, Question(user_id="u2", k=3))
    assert len(slate.items) == 3
    found = {(one.name, one.reason): one.values for one in counted(service)}
    assert found["clicks_7d", "stale"] >= 1
    assert found["clicks_7d", "missing"] >= 3
    assert ask(data, 150.0, default=-1.0)["clicks_7d"] == [-1.0] * 6
    service.close()


def test_a_store_that_is_gone_fails_the_request_or_leaves_defaults(data, tmp_path):
    repo = Path(shutil.copytree(REPO, tmp_path / "repo"))
    (repo / "data/online.db").unlink()
    with pytest.raises(StoreUnavailable):
        ask(data, 50.0, repo)
    assert ask(data, 50.0, repo, read="files")["ctr"][0] == 0.1
    runner = build(spec(repo, default=0.0), offline_world(data))
    requests = Requests.of([0], now=START + HOUR * 120, k=3)
    slates = runner.run(requests)
    assert slates.candidates.cols["ctr"].tolist() == [0.0] * 3
    assert slates.candidates.cols["favourite"].tolist() == [""] * 3
    assert slates.trace.degraded == ("feast",)
    with pytest.raises(StoreUnavailable):
        runner.run(requests, strict=True)


def test_what_cannot_be_built_is_said_when_it_is_built(data, tmp_path):
    for settings, match in (
        ({"item": "item_id"}, "is keyed by item"), ({"features": ["shop:campain"]}, "Did you mean 'campaign'"),
        ({"features": ["shop:campaign", "shop:campaign"]}, "Two features are called"),
        ({"features": "rank"}, "feature service"), ({"features": ["lateness:late"]}, "never loaded"),
    ):  # fmt: skip
        with pytest.raises(BadSpec, match=match):
            stage(data, **settings)
    repo = Path(shutil.copytree(REPO, tmp_path / "repo"))
    (repo / "data/shop.parquet").unlink()
    with pytest.raises(BadSpec, match="cannot be read"):
        stage(data, repo)
    assert stage(data, repo, read="online").provides == tuple(name.partition(":")[2] for name in FEATURES)
    full = stage(data, features="ranking", full_names=True)
    assert full.provides[:2] == ("user_stats__clicks_7d", "user_stats__favourite")
    owners = {one.name: one.owner for one in stage(data).features.features}
    assert (owners["clicks_7d"], owners["ctr"], owners["views"], owners["campaign"]) == (
        "user",
        "item",
        "pair",
        "context",
    )
