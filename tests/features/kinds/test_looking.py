"""Kinds that read tables, histories, the context and other columns, by hand."""

import math

import numpy as np
import pytest

from shortlist.core.errors import BadSpec

NOW = 1_000_000.0
NAN = float("nan")


def test_field_of_items_and_users(columns):
    found = columns(
        {"kind": "field", "column": "price"},
        {"kind": "field", "column": "topic", "known": ["food", "war"], "default": "other"},
        {"kind": "field", "column": "age", "owner": "user", "default": 0.0},
        items=[[1, 2, 9], [1]], user=[0, 7],
        catalogue={1: {"price": 2.0, "topic": "food"}, 2: {"price": None, "topic": "yoga"}},
        profiles={0: {"age": 30.0}},
    )  # fmt: skip
    assert found["f"].tolist() == pytest.approx([2.0, NAN, NAN, 2.0], nan_ok=True)
    assert found["f1"].tolist() == ["food", "other", "other", "food"]
    assert found["f2"].tolist() == [30.0, 30.0, 30.0, 0.0]
    assert columns.tally["f1", "unknown_category"] == 1
    assert columns.tally["f1", "missing"] == 2


def test_age_is_never_negative(columns):
    catalogue = {1: {"published_at": NOW - 60.0}, 2: {"published_at": NOW + 60.0}, 3: {"published_at": None}}
    assert columns({"kind": "age"}, items=[[1, 2, 3]], catalogue=catalogue).tolist() == pytest.approx(
        [60.0, 0.0, NAN], nan_ok=True
    )
    assert columns.tally["f", "future"] == 1


def test_last_n_is_latest_first_and_padded(columns):
    past = [[(5, 1.0), (6, 2.0), (7, 3.0)], [(8, 1.0)], []]
    found = columns({"kind": "last_n", "n": 2}, items=[[1], [1], [1, 2]], past=past)
    assert found.tolist() == [[7, 6], [8, -1], [-1, -1], [-1, -1]]


def test_share_of_the_past_with_the_same_label(columns):
    catalogue = {1: {"by": "ann"}, 2: {"by": "bob"}, 3: {"by": "ann"}, 4: {"by": ""}}
    past = [[(1, 1.0), (2, 2.0), (3, 3.0), (1, 4.0)]]
    found = columns({"kind": "share", "column": "by"}, items=[[3, 2, 4]], past=past, catalogue=catalogue)
    assert found.tolist() == pytest.approx([0.75, 0.25, NAN], nan_ok=True)


def test_relative_to_the_candidates_of_the_request(columns):
    catalogue = {i: {"price": p} for i, p in enumerate([4.0, 8.0, 8.0, None, 2.0])}
    price = {"kind": "field", "column": "price", "name": "price"}
    found = columns(
        price,
        *({"kind": "relative", "column": "price", "how": how, "name": how} for how in ("rank", "z", "share")),
        items=[[0, 1, 2, 3], [4]],
        catalogue=catalogue,
    )
    assert found["rank"].tolist() == pytest.approx([3, 1, 1, NAN, 1], nan_ok=True)
    spread = math.sqrt(((4 - 20 / 3) ** 2 + 2 * (8 - 20 / 3) ** 2) / 3)
    assert found["z"].tolist() == pytest.approx(
        [(4 - 20 / 3) / spread, (8 - 20 / 3) / spread, (8 - 20 / 3) / spread, NAN, 0.0], nan_ok=True
    )
    assert found["share"].tolist() == pytest.approx([0.5, 1.0, 1.0, NAN, 1.0], nan_ok=True)


def test_session_length_idle_and_variety(columns):
    catalogue = {1: {"topic": "food"}, 2: {"topic": "war"}, 3: {"topic": "food"}}
    past = [[(1, NOW - 9_000), (2, NOW - 300), (3, NOW - 200), (2, NOW - 100)], [(1, NOW - 9_000)], []]
    found = columns(
        {"kind": "session"},
        {"kind": "session", "of": "idle"},
        {"kind": "session", "of": "distinct", "column": "topic"},
        {"kind": "session", "of": "distinct", "gap": None},
        items=[[1], [1], [1]],
        past=past,
        catalogue=catalogue,
    )
    assert found["f"].tolist() == [3, 0, 0]
    assert found["f1"].tolist() == pytest.approx([100.0, 9_000.0, NAN], nan_ok=True)
    assert found["f2"].tolist() == [2, 0, 0]
    assert found["f3"].tolist() == [3, 1, 0]


def test_time_of_day_and_of_week(columns):
    """2023-11-14 22:13:20 UTC is a Tuesday."""
    parts = ("hour", "weekday", "day_sin", "day_cos", "week_sin", "week_cos")
    found = columns(*({"kind": "time", "part": part, "name": part} for part in parts), items=[[1]], now=1.7e9)
    hour = 22 + 13 / 60 + 20 / 3600
    assert found["hour"][0] == pytest.approx(hour)
    assert found["weekday"][0] == 1.0
    assert found["day_sin"][0] == pytest.approx(math.sin(2 * math.pi * hour / 24))
    assert found["week_cos"][0] == pytest.approx(math.cos(2 * math.pi * (1 + hour / 24) / 7))
    assert columns({"kind": "time", "part": "weekday", "offset_h": 2}, items=[[1]], now=1.7e9).tolist() == [2.0]


def test_context_of_the_request(columns):
    context = {"device": np.array(["phone", "fridge"], object), "speed": np.array([3.5, 1.0])}
    found = columns(
        {"kind": "context", "column": "device", "known": ["phone"], "default": "other"},
        {"kind": "context", "column": "referrer"},
        {"kind": "context", "column": "speed", "type": "number"},
        {"kind": "context", "column": "device", "type": "number", "default": 0.0},
        items=[[1, 2], [1]],
        context=context,
    )
    assert found["f"].tolist() == ["phone", "phone", "other"]
    assert found["f1"].tolist() == ["", "", ""]
    assert found["f2"].tolist() == [3.5, 3.5, 1.0]
    assert found["f3"].tolist() == [0.0, 0.0, 0.0]
    assert columns.tally["f3", "not_a_number"] == 2


def test_vector_similarity_is_the_cosine_with_the_mean_of_the_past(columns):
    catalogue = {
        1: {"v": [1.0, 0.0]},
        2: {"v": [0.0, 3.0]},
        3: {"v": [2.0, 2.0]},
        4: {"v": [1.0]},
        5: {"v": [0.0, 0.0]},
    }
    found = columns(
        {"kind": "vector_similarity", "column": "v"},
        items=[[1, 3, 4, 5], [1]],
        past=[[(1, 1.0), (2, 2.0)], []],
        catalogue=catalogue,
    )
    assert found.tolist() == pytest.approx([math.sqrt(0.5), 1.0, NAN, NAN, NAN], nan_ok=True)


def test_text_similarity_counts_rare_common_words(columns):
    catalogue = {
        1: {"title": "the striker and the goal"}, 2: {"title": "the goal of the keeper"},
        3: {"title": "the oven with the flour"}, 4: {"title": ""}, 5: {"title": "the market"},
    }  # fmt: skip
    found = columns({"kind": "text_similarity"}, items=[[1, 2, 3, 4], [1]], past=[[(1, 1.0)], []], catalogue=catalogue)
    assert found[0] == pytest.approx(1.0)
    assert found[0] > found[1] > found[2] > 0
    assert np.isnan(found[3:]).all()


def test_similarities_notice_that_an_item_changed():
    from shortlist.core.types import Candidates, History, Requests
    from shortlist.features.catalogue import ItemTable
    from shortlist.features.spec import make_features

    made = make_features([
        {"name": "v", "kind": "vector_similarity", "column": "v"}, {"name": "t", "kind": "text_similarity"},
    ])  # fmt: skip
    table = ItemTable(0)
    for i in range(3):
        table.put(i, {"v": [1.0, float(i)], "title": f"word{i} common"})
    made.check(table, None)
    asked = Requests.of([0], history=History.of([[0]])), Candidates(np.zeros(1, np.int32), np.array([2]), 1)
    before = made.columns(*asked, None, table, None)
    table.put(2, {"v": [1.0, 0.0], "title": "word0 common"})
    after = made.columns(*asked, None, table, None)
    assert before["v"][0] == pytest.approx(1 / math.sqrt(5))
    assert before["t"][0] < 0.9
    assert (after["v"][0], after["t"][0]) == (pytest.approx(1.0), pytest.approx(1.0))


@pytest.mark.parametrize("kind", ["field", "share", "vector_similarity"])
def test_a_column_that_does_not_exist_is_named_with_the_nearest(columns, kind):
    with pytest.raises(BadSpec, match="Did you mean 'topic'"):
        columns({"kind": kind, "column": "topik"}, items=[[1]], catalogue={1: {"topic": "food"}})
