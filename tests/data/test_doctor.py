import json
import time

import numpy as np
import polars as pl
import pytest

from shortlist.data.dataset import Dataset, Interactions
from shortlist.data.doctor import examine
from shortlist.data.schema import dataset_from_frames
from shortlist.data.vocab import Vocab

NOW = 1_800_000_000.0
DAY = 86_400.0


def healthy(n_users=50, n_each=30, **changes):
    """1,500 events of 50 users with 60 items in file order of time, nothing odd about them."""
    n = n_users * n_each
    rng = np.random.default_rng(0)
    pairs = np.stack([rng.permutation(60)[:n_each] for _ in range(n_users)]).T.ravel()
    columns = {
        "user_id": [f"u{i % n_users}" for i in range(n)],
        "item_id": [f"i{i}" for i in pairs],
        "timestamp": NOW - 100 * DAY + 1_000.5 * np.arange(n),
    }
    columns |= changes
    items = {"item_id": [f"i{i}" for i in range(60)], "title": [f"t{i}" for i in range(60)]}
    return columns, items


def codes(columns, items=None, **options):
    report = examine(dataset_from_frames(columns, items=items, **options), now=NOW)
    return {finding.code: finding for finding in report.findings}


def test_healthy_data_has_nothing_to_tell():
    columns, items = healthy()
    assert codes(columns, items) == {}


def test_report_is_json_and_sorted_by_severity():
    columns, _ = healthy(timestamp=NOW * 1000 + np.arange(1500.0))
    report = examine(dataset_from_frames(columns), now=NOW)
    assert not report.ok
    told = json.loads(json.dumps(report.to_dict()))
    assert told["findings"][0]["severity"] == "error"
    assert told["summary"]["events"] == 1500
    assert told["ok"] is False
    assert all(finding["hint"] and finding["message"] for finding in told["findings"])


def changed(column, rows, value):
    columns, items = healthy()
    values = list(columns[column])
    for row in rows:
        values[row] = value(values[row], columns) if callable(value) else value
    return codes({**columns, column: values}, items)


def test_duplicates():
    columns, items = healthy()
    found = codes({name: [*values, *values[-7:]] for name, values in columns.items()}, items)
    assert found["duplicate_events"].count == 7


def test_people_who_come_back():
    columns, items = healthy()
    columns = {name: list(values) for name, values in columns.items()}
    columns["item_id"][1450] = columns["item_id"][0]
    assert columns["user_id"][1450] == columns["user_id"][0]
    found = codes(columns, items)
    assert "repeated_pairs" in found
    assert "duplicate_events" not in found


def test_milliseconds():
    found = changed("timestamp", range(1500), lambda at, _: at * 1000)
    assert found["millisecond_times"].count == 1500
    assert "time_unit" in found["millisecond_times"].hint
    assert "future_times" not in found


def test_the_future():
    found = changed("timestamp", [1499], NOW + 3 * DAY)
    assert found["future_times"].count == 1
    assert "3 days" in found["future_times"].message
    assert "future_times" not in changed("timestamp", [1499], NOW + 240)


def test_unknown_times_written_as_zero():
    assert changed("timestamp", [3, 4], 0.0)["ancient_times"].count == 2


def test_all_times_equal_and_counters_and_days():
    assert "constant_time" in changed("timestamp", range(1500), 5e8)
    columns, items = healthy(timestamp=np.arange(1500.0))
    assert set(codes(columns, items)) == {"counter_times"}
    columns, items = healthy(timestamp=np.repeat(np.arange(50.0) + 19_000, 30) * DAY)
    assert "day_times" in codes(columns, items)


def test_clock_skew():
    found = changed("timestamp", [700, 701, 702], lambda at, _: at - DAY)
    assert found["clock_skew"].count == 3
    # A file in no order of time at all is not a skewed clock.
    columns, items = healthy()
    shuffled = np.random.default_rng(1).permutation(1500)
    assert "clock_skew" not in codes({name: np.array(v)[shuffled] for name, v in columns.items()}, items)


def test_events_before_the_publication_of_the_item():
    columns, items = healthy()
    born = [NOW] + [0.0] * 59
    found = codes(columns, {**items, "published_at": born})
    assert found["before_publication"].examples == ("i0",)


def test_ranks_and_no_times():
    columns, items = healthy()
    assert set(codes(columns, items, clock="rank")) == {"clock_rank"}
    del columns["timestamp"]
    assert set(codes(columns, items)) == {"clock_none"}


@pytest.mark.parametrize("external", ["null", "undefined", "NaN", "None", "anonymous"])
def test_ids_that_look_like_a_missing_value(external):
    found = changed("user_id", range(0, 1500, 50), external)
    assert found["null_like_user_ids"].severity == "error"
    assert found["null_like_user_ids"].examples == (external,)


def test_user_zero_is_suspect_only_when_heavy():
    assert "null_like_user_ids" not in changed("user_id", range(0, 1500, 50), "0")
    assert "null_like_user_ids" in changed("user_id", range(0, 1500, 3), "0")


def test_bots():
    columns, items = healthy()
    fast = {
        "user_id": ["bot"] * 200,
        "item_id": [f"i{i % 40}" for i in range(200)],
        "timestamp": NOW - 50 * DAY + 0.2 * np.arange(200),
    }
    found = codes({name: [*columns[name], *fast[name]] for name in columns}, items)
    assert found["suspected_bots"].examples == ("bot",)


def test_metadata():
    columns, items = healthy()
    assert "no_item_table" in codes(columns)
    short = {name: values[:40] for name, values in items.items()}
    found = codes(columns, short)["items_without_metadata"]
    assert (found.count, found.severity) == (20, "warning")


def test_silent_items():
    columns, _ = healthy()
    items = {"item_id": [f"i{i}" for i in range(200)], "title": ["t"] * 200}
    assert codes(columns, items)["silent_items"].count == 140


def test_an_item_of_everybody():
    assert changed("item_id", range(50), "home")["item_of_everybody"].examples == ("home",)


def test_zeros_and_ones_look_like_impressions():
    columns, items = healthy(value=np.tile([0.0, 0.0, 1.0], 500))
    assert codes(columns, items)["looks_like_impressions"].count == 1000
    columns, items = healthy(event=["impression", "click", "impression"] * 500)
    # As a kind of event, impressions are told apart already; as a type of another log they are not.
    columns, items = healthy(event=["view", "click", "view"] * 500)
    assert codes(columns, items)["looks_like_impressions"].count == 1000


def test_scales_look_like_ratings():
    columns, items = healthy(rating=np.tile([1.0, 4.0, 5.0], 500))
    found = codes(columns, items)["looks_like_ratings"]
    assert (found.severity, found.count) == ("info", 1000)


def test_negative_and_constant_values():
    columns, items = healthy(value=np.tile([-1.5, 100.0, 3.0], 500))
    assert codes(columns, items)["negative_values"].count == 500
    columns, items = healthy(value=np.full(1500, 3.0))
    assert "constant_value" in codes(columns, items)


def test_lists_without_clicks_and_with_too_many():
    columns, items = healthy()
    for clicked, code in ((False, "no_clicks_on_impressions"), (True, "clicked_share")):
        shown = pl.DataFrame({"user_id": ["u1"], "timestamp": [NOW - DAY], "item_id": [["i1"]], "clicked": [[clicked]]})
        assert code in codes(columns, items, impressions=shown)


@pytest.mark.parametrize(
    "rows",
    [
        {"user_id": [], "item_id": []},
        {"user_id": ["u"], "item_id": ["i"], "timestamp": [1.0]},
        {"user_id": ["u"] * 9, "item_id": ["i"] * 9, "timestamp": [1.0] * 9, "rating": [5.0] * 9},
    ],
)
def test_the_smallest_data_is_examined_without_harm(rows):
    frame = pl.DataFrame(rows, schema_overrides={"user_id": pl.String, "item_id": pl.String})
    report = examine(dataset_from_frames(frame), now=NOW)
    assert report.codes() & {"empty", "tiny"}
    json.dumps(report.to_dict(), allow_nan=False)


def test_a_million_rows_in_seconds():
    rng = np.random.default_rng(0)
    n = 1_000_000
    data = Dataset(
        "big",
        Interactions(
            rng.integers(0, 50_000, n), rng.integers(0, 10_000, n), np.sort(NOW - DAY * 100 * rng.random(n)),
            np.ones(n, np.float32), np.zeros(n, np.int16),
        ),
        Vocab(f"u{i}" for i in range(50_000)),
        Vocab(f"i{i}" for i in range(10_000)),
    )  # fmt: skip
    start = time.process_time()
    examine(data, now=NOW)
    assert time.process_time() - start < 5


@pytest.mark.real_data("ml-100k")
def test_real_ratings_are_fine(ml_100k):
    assert examine(ml_100k, now=NOW).codes() == {"looks_like_ratings"}


def test_the_newsroom_is_fine(newsroom):
    assert examine(newsroom, now=NOW).codes() == set()
