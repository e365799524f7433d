"""Feast's own files, read without Feast: `expected.json` is what Feast 0.67 answers about `repo/` (`make_repo.py`)."""

import json
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from shortlist.core.errors import BadRequest, BadSpec, SchemaMismatch, StoreUnavailable

pytest.importorskip("yaml", reason="needs the extra 'feast'")

from shortlist.features.feast.repo import FeastRepo
from shortlist.features.feast.store import FeastStore
from shortlist.features.feast.values import decode, key_value, pack_key

HERE = Path(__file__).parent
REPO = HERE / "repo"
EXPECTED = json.loads((HERE / "expected.json").read_text())
START = datetime(2025, 6, 1, tzinfo=UTC)
END = (START + timedelta(days=5)).timestamp()


@pytest.fixture(scope="module")
def store():
    return FeastStore(REPO)


@pytest.fixture
def copy(tmp_path):
    return Path(shutil.copytree(REPO, tmp_path / "repo"))


def plain(value):
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat()
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def same(mine, theirs):
    """Feast's historical answers come by way of pandas: whole numbers as floats, 32-bit floats written short."""
    mine, theirs = plain(mine), None if theirs == "NaT" else theirs
    if isinstance(theirs, list) and isinstance(mine, list):
        return len(mine) == len(theirs) and all(map(same, mine, theirs))
    if isinstance(theirs, float) and isinstance(mine, (int, float)):
        return mine == pytest.approx(theirs, rel=1e-6)
    return mine == theirs


def test_views_keys_types_and_what_is_left_out(store):
    repo = store.repo
    assert repo.project == "news"
    assert {name: [(one.name, one.type) for one in view.features] for name, view in repo.views.items()} == {
        "user_stats": [("clicks_7d", "int64"), ("mean_stay", "float"), ("favourite", "string"),
                       ("recent", "string_list")],
        "item_stats": [("ctr", "double"), ("is_new", "bool"), ("published", "unix_timestamp"), ("place", "float_list")],
        "pair_stats": [("views", "int32")],
        "shop": [("campaign", "string")],
    }  # fmt: skip
    keys = {name: sorted((one.name, one.type) for one in view.keys) for name, view in repo.views.items()}
    assert keys["pair_stats"] == [("item", "int64"), ("user_id", "string")]
    assert keys["shop"] == []
    assert {name: view.ttl_s for name, view in repo.views.items()} == {
        "user_stats": 2 * 86_400, "item_stats": None, "pair_stats": 10 * 86_400, "shop": 30 * 86_400,
    }  # fmt: skip
    assert repo.views["user_stats"].description == "What a reader did lately"
    assert repo.services["ranking"][:2] == ("user_stats:clicks_7d", "user_stats:favourite")
    assert "never loaded" in repo.left_out["lateness"]


@pytest.mark.parametrize("refs", EXPECTED["online"])
def test_online_answers_are_feasts(store, refs):
    one = EXPECTED["online"][refs]
    found = store.get_online_features(refs.split("|"), one["rows"], now=END + 86_400 * 365, keep_stale=True)
    for name, theirs in one["values"].items():
        mine = found.to_dict()[name]
        assert len(mine) == len(theirs)
        assert all(map(same, mine, theirs)), name


@pytest.mark.parametrize("refs", EXPECTED["historical"])
def test_historical_answers_are_feasts(store, refs):
    """Every row that Feast answers; the rows it drops because all their values are too old or yet to come are empty."""
    one = EXPECTED["historical"][refs]
    names = [*one["keys"], "event_timestamp"]
    frame = pl.DataFrame(one["asked"], schema=names, orient="row").with_columns(
        (pl.lit(START) + pl.duration(microseconds=pl.col("event_timestamp").cast(pl.Int64))).alias("event_timestamp")
    )
    found = store.get_historical_features(frame, refs.split("|"))
    answers = found.to_dict()
    theirs = one["rows"]
    place = {row: j for j, row in enumerate(zip(*(theirs[name] for name in names), strict=True))}
    features = [ref.partition(":")[2] for ref in refs.split("|")]
    dropped = 0
    for j, asked in enumerate(one["asked"]):
        at = place.get(tuple(asked))
        if at is None:
            dropped += 1
            assert any(found.statuses[name][j] in ("NOT_FOUND", "OUTSIDE_MAX_AGE") for name in features)
            continue
        for name in features:
            assert same(answers[name][j], theirs[name][at]), (asked, name)
    assert dropped == len(one["asked"]) - len(place)
    assert len(place) >= 40


def test_a_value_of_that_very_moment_is_seen_and_one_microsecond_later_is_not(store):
    moments = [START + timedelta(hours=50), START + timedelta(hours=50, microseconds=-1)]
    frame = pl.DataFrame({"item": [1, 1], "event_timestamp": moments})
    assert store.get_historical_features(frame, ["item_stats:ctr"]).to_dict()["ctr"] == [0.2, 0.1]


def test_of_two_rows_of_one_time_the_one_written_later_counts(store):
    frame = pl.DataFrame({"user_id": ["u1"], "event_timestamp": [START + timedelta(hours=25)]})
    assert store.get_historical_features(frame, ["user_stats:favourite"]).to_dict()["favourite"] == ["science"]


def test_what_is_older_than_its_ttl_is_missing_and_said(store):
    rows = [{"user_id": "u2"}, {"user_id": "u3"}, {"user_id": "u1"}, {"user_id": "nobody"}]
    found = store.get_online_features(["user_stats:clicks_7d"], rows, now=END)
    assert found.to_dict()["clicks_7d"] == [2, None, None, None]
    assert found.statuses["clicks_7d"] == ["PRESENT", "OUTSIDE_MAX_AGE", "OUTSIDE_MAX_AGE", "NOT_FOUND"]
    held = store.get_online_features(["user_stats:clicks_7d"], rows, now=END, keep_stale=True)
    assert held.to_dict()["clicks_7d"] == [2, 0, None, None]
    assert held.statuses == found.statuses
    last = (START + timedelta(hours=100)).timestamp() + 2 * 86_400
    for moment, status in ((last, "PRESENT"), (last + 1e-6, "OUTSIDE_MAX_AGE")):
        assert store.get_online_features(["user_stats:clicks_7d"], rows, now=moment).statuses["clicks_7d"][0] == status


def test_a_value_of_the_future_is_not_seen(store):
    early = (START + timedelta(hours=99)).timestamp()
    found = store.get_online_features(["user_stats:clicks_7d"], [{"user_id": "u2"}], now=early)
    assert found.statuses["clicks_7d"] == ["NOT_FOUND"]


def test_services_full_names_and_the_clock(store):
    rows = [{"user_id": "u2", "item": "1"}, {"user_id": "u2", "item": "x"}]
    found = store.get_online_features("ranking", rows, full_feature_names=True).to_dict()
    assert found["item_stats__ctr"] == [0.2, None]
    assert found["user_stats__favourite"] == [None, None]


def test_what_cannot_be_asked_is_refused_with_the_nearest(store):
    with pytest.raises(BadSpec, match="Did you mean 'user_stats'"):
        store.get_online_features(["user_stat:clicks_7d"], [{"user_id": "u1"}])
    with pytest.raises(BadSpec, match="Did you mean 'clicks_7d'"):
        store.get_online_features(["user_stats:clicks_7"], [{"user_id": "u1"}])
    with pytest.raises(BadSpec, match="never loaded"):
        store.get_online_features(["lateness:late"], [{"user_id": "u1"}])
    with pytest.raises(BadRequest, match="no join key 'item'"):
        store.get_online_features(["pair_stats:views"], [{"user_id": "u1"}])
    with pytest.raises(BadRequest, match="Two features are called"):
        store.get_online_features(["user_stats:clicks_7d", "user_stats:clicks_7d"], [{"user_id": "u1"}])
    with pytest.raises(SchemaMismatch, match="event_timestamp"):
        store.get_historical_features(pl.DataFrame({"user_id": ["u1"]}), ["user_stats:clicks_7d"])


def test_csv_tables_nanoseconds_and_times_as_text(copy):
    """A time a nanosecond after the microsecond counts as the next one: nothing is seen too early."""
    table = copy / "data/shop.parquet"
    frame = pl.read_parquet(table)
    fine = frame.with_columns(pl.col("event_timestamp").cast(pl.Datetime("ns", "UTC")) + pl.duration(nanoseconds=1))
    fine.write_parquet(table)
    asked = pl.DataFrame({"event_timestamp": [START, START + timedelta(microseconds=1)]})
    assert FeastStore(copy).get_historical_features(asked, ["shop:campaign"]).to_dict()["campaign"] == [None, "spring"]
    # A path of the same length may stand in the registry without changing anything else of it.
    registry = copy / "data/registry.db"
    registry.write_bytes(registry.read_bytes().replace(b"data/shop.parquet", b"data/shop-log.csv"))
    frame.with_columns(pl.col("event_timestamp").dt.to_string("%Y-%m-%dT%H:%M:%SZ")).write_csv(
        copy / "data/shop-log.csv"
    )
    assert FeastStore(copy).get_historical_features(asked, ["shop:campaign"]).to_dict()["campaign"] == ["spring"] * 2


def test_repos_that_are_none_say_what_to_do(copy, tmp_path):
    with pytest.raises(BadSpec, match="feature_store"):
        FeastRepo.open(tmp_path / "nowhere")
    settings = copy / "feature_store.yaml"
    said = settings.read_text()
    for bad, match in (
        ("project: [", "no YAML"), ("- 1\n", "no project"),
        ("project: a\nregistry: s3://b/registry.db\n", "no registry file"),
        ("project: a\nregistry: gone.db\n", "no registry 'gone.db'"),
        (said.replace("version: 3", "version: 1"), "version 1 are not read"),
    ):  # fmt: skip
        settings.write_text(bad)
        with pytest.raises(BadSpec, match=match):
            FeastRepo.open(copy)
    settings.write_text(said)
    whole = (copy / "data/registry.db").read_bytes()
    for size in (10, 1_000, len(whole) - 1):
        (copy / "data/registry.db").write_bytes(whole[:size])
        with pytest.raises(BadSpec, match="no registry of Feast"):
            FeastRepo.open(copy)


def test_online_stores_that_do_not_answer(copy):
    base = copy / "data/online.db"
    rows = [{"user_id": "u1"}]
    with sqlite3.connect(base) as held:
        held.execute('DROP TABLE "news_shop"')
    with pytest.raises(StoreUnavailable, match="no table 'news_shop'"):
        FeastStore(copy).get_online_features(["shop:campaign"], [{}])
    with sqlite3.connect(base) as held:
        held.execute("UPDATE news_user_stats SET value = X'FF'")
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        FeastStore(copy).get_online_features(["user_stats:clicks_7d"], rows)
    base.unlink()
    with pytest.raises(StoreUnavailable):
        FeastStore(copy).get_online_features(["user_stats:clicks_7d"], rows)
    assert not base.exists()
    settings = copy / "feature_store.yaml"
    settings.write_text(settings.read_text().replace("type: sqlite", "type: redis"))
    with pytest.raises(StoreUnavailable, match="not SQLite"):
        FeastStore(copy).get_online_features(["user_stats:clicks_7d"], rows)


def test_tables_that_are_gone_or_lack_a_column(copy):
    frame = pl.read_parquet(copy / "data/shop.parquet")
    frame.drop("campaign").write_parquet(copy / "data/shop.parquet")
    asked = pl.DataFrame({"event_timestamp": [START]})
    with pytest.raises(SchemaMismatch, match="no column 'campaign'"):
        FeastStore(copy).get_historical_features(asked, ["shop:campaign"])
    (copy / "data/shop.parquet").unlink()
    with pytest.raises(BadSpec, match="cannot be read"):
        FeastStore(copy).get_historical_features(asked, ["shop:campaign"])


def test_older_times_as_text_and_keys_of_version_two(copy):
    """Feast once wrote ISO text, and keys without the lengths of names."""
    with sqlite3.connect(copy / "data/online.db") as held:
        old = pack_key(["user_id"], ["u2"], [2], 2)
        new = pack_key(["user_id"], ["u2"], [2], 3)
        assert old == bytes.fromhex("02000000757365725f696402000000020000007532")
        held.execute("UPDATE news_user_stats SET entity_key = ?, event_ts = ? WHERE entity_key = ?",
                     (old, "2025-06-05 04:00:00", new))  # fmt: skip
    settings = copy / "feature_store.yaml"
    settings.write_text(settings.read_text().replace("version: 3", "version: 2"))
    found = FeastStore(copy).get_online_features(["user_stats:clicks_7d"], [{"user_id": "u2"}], now=END)
    assert found.to_dict()["clicks_7d"] == [2]


def test_whole_numbers_stay_whole_where_a_table_has_gaps(store):
    frame = pl.DataFrame({"user_id": ["u2"], "event_timestamp": [START + timedelta(hours=101)]})
    [value] = store.get_historical_features(frame, ["user_stats:clicks_7d"]).to_dict()["clicks_7d"]
    assert (value, type(value)) == (2, int)


def test_values_and_keys_by_hand():
    assert decode(b"") is None
    assert decode(bytes([0x20, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01])) == -1
    assert decode(bytes([0x12, 0x02]) + "é".encode()) == "é"
    assert decode(bytes([0x38, 0x01])) is True
    assert decode(bytes([0x72, 0x04, 0x0A, 0x02, 0x01, 0x02])) == [1, 2]
    with pytest.raises(ValueError, match="no column"):
        decode(bytes([0xA2, 0x01, 0x00]))
    assert key_value("7", 4, "k") == key_value(7.0, 4, "k") == 7
    assert key_value("seven", 4, "k") is key_value(7.5, 4, "k") is key_value(1 << 40, 3, "k") is None
    assert key_value(7, 2, "k") == "7"
    with pytest.raises(BadSpec, match="type double"):
        key_value(7, 5, "k")
