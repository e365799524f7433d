import json

import numpy as np
import pytest

from shortlist.core.errors import BadRow
from shortlist.data.catalog import load

FOUR_KINDS = [
    {
        "event": "item", "event_id": "1", "item_id": "a",
        "fields": {"title": "A", "price": 2, "tags": ["x"], "new": True},
    },
    {"event": "item", "event_id": "2", "item_id": "b", "fields": {"title": "B"}},
    {"event": "item", "event_id": "3", "item_id": "a", "fields": {"price": 3}},
    {"event": "user", "event_id": "4", "user_id": "u", "fields": {"age": 7}},
    {
        "event": "impression", "event_id": "5", "request_id": "r1", "user_id": "u", "occurred_at": 1714564800,
        "items": [{"item_id": "b", "position": 1}, {"item_id": "a", "position": 0, "propensity": 0.5}],
    },
    {
        "event": "interaction", "event_id": "6", "user_id": "u", "item_id": "b", "type": "click",
        "occurred_at": "2024-05-01T12:00:10Z", "request_id": "r1",
    },
    {
        "event": "interaction", "event_id": "7", "user_id": "v", "item_id": "c", "type": "buy", "value": 2,
        "occurred_at": 1714564900,
    },
]  # fmt: skip


def write(folder, lines):
    (folder / "events.jsonl").write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    return folder


def test_four_kinds_in_one_file(tmp_path):
    data = load(write(tmp_path, FOUR_KINDS))
    assert data.items.ids == ["a", "b", "c"]
    assert data.item_table.row(0, named=True) == {
        "item_id": "a",
        "title": "A",
        "price": 3.0,
        "tags": ["x"],
        "new": True,
    }
    assert data.item_table["title"].to_list() == ["A", "B", None]
    assert data.user_table.rows() == [("u", 7.0), ("v", None)]
    assert data.interactions.types == ("click", "buy")
    assert data.interactions.value.tolist() == [1.0, 2.0]
    assert data.interactions.at.tolist() == [1_714_564_810.0, 1_714_564_900.0]
    assert data.items.decode(data.impressions.item) == ["a", "b"]
    assert data.impressions.clicked.tolist() == [False, True]
    assert data.impressions.request.tolist() == ["r1"]
    assert data.impressions.take(np.array([0])).request.tolist() == ["r1"]


def test_the_same_event_twice_counts_once(tmp_path):
    data = load(write(tmp_path, [*FOUR_KINDS, FOUR_KINDS[-1]]))
    assert data.n_events == 2
    assert data.notes["duplicates"] == 1


def test_plain_lines_with_aliases(tmp_path):
    lines = [{"userId": 7, "movieId": "007", "rating": 4.5, "timestamp": 5}]
    data = load(write(tmp_path, lines))
    assert (data.users.ids, data.items.ids) == (["7"], ["007"])
    assert data.interactions.types == ("rating",)


def test_event_as_type_in_logs_of_other_tools(tmp_path):
    data = load(write(tmp_path, [{"user_id": "u", "item_id": "i", "timestamp": 5, "event": "view"}]))
    assert data.interactions.types == ("view",)


GOOD = {"user_id": "u", "item_id": "i", "timestamp": 5}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "not a JSON object"),
        ("[1]", "not a JSON object"),
        ('{"user_id": "u", "user_id": "v"}', "distinct keys"),
        ('{"user_id": "u", "item_id": "i", "timestamp": NaN}', "finite"),
        ({**GOOD, "value": "much"}, "'value' is not a number"),
        ({**GOOD, "value": True}, "'value' is not a number"),
        ({**GOOD, "user_id": None}, "'user_id' is not an id"),
        ({**GOOD, "user_id": 1.5}, "'user_id' is not an id"),
        ({**GOOD, "timestamp": None}, "'timestamp' is not a time"),
        ({**GOOD, "timestamp": "soon"}, "'timestamp' is not a time"),
        ({"event": "impression", "items": []}, "'items'"),
        ({"event": "impression", "items": [{"item_id": 3}]}, "'items'"),
        ({"event": "item", "fields": {}}, "'item_id' is not text"),
        ({"event": "user", "user_id": "u", "fields": 3}, "'fields'"),
        ({"event": 3}, "'event' is not text"),
        ("[" * 100_000, "not a JSON object"),
    ],
)
def test_broken_lines_are_named(tmp_path, line, why):
    with pytest.raises(BadRow, match=rf"events\.jsonl, line 3: .*{why}"):
        load(write(tmp_path, [GOOD, "", line]))


@pytest.mark.parametrize("column", ["FeedbackType", "EVENT_TYPE", "type"])
def test_types_have_the_aliases_of_tables(tmp_path, column):
    row = {"UserId": "u", "ItemId": "i", column: "like", "Timestamp": "2024-05-01T12:00:00Z"}
    (tmp_path / "events.jsonl").write_text(json.dumps(row) + "\n")
    assert load(tmp_path).interactions.types == ("like",)


@pytest.mark.parametrize(
    "event",
    [
        {"user_id": "\ud800", "item_id": "i"},
        {"user_id": "u", "item_id": "i", "type": "\udfff"},
        {"event": "item", "item_id": "i", "fields": {"title": "half \ud83d of a pair"}},
    ],
)
def test_half_a_surrogate_pair_is_named(tmp_path, event):
    (tmp_path / "events.jsonl").write_text('{"user_id": "u", "item_id": "i"}\n' + json.dumps(event) + "\n")
    with pytest.raises(BadRow, match="line 2: text with half a surrogate pair"):
        load(tmp_path)
