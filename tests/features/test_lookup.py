"""Features by external ids: now for rows, at each row's own time for frames."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from shortlist.core.errors import BadRequest, BadSpec, SchemaMismatch
from shortlist.data.dataset import Dataset
from shortlist.features.lookup import FeatureLookup

FEATURES = [
    {"name": "clicks", "kind": "count", "events": ["click"]},
    {"name": "mine", "kind": "count", "owner": "user"},
    {"name": "topic", "kind": "field", "column": "category"},
    {"name": "device", "kind": "context", "column": "device", "default": "none"},
    {"name": "best", "kind": "relative", "column": "clicks"},
    {"name": "idle", "kind": "recency", "owner": "pair"},
]


@pytest.fixture(scope="module")
def lookup():
    events = pl.DataFrame({
        "user_id": ["a", "a", "b", "a"], "item_id": ["x", "y", "x", "x"],
        "timestamp": [100.0, 200.0, 300.0, 400.0], "event": ["click"] * 4,
    })  # fmt: skip
    items = pl.DataFrame({"item_id": ["x", "y"], "category": ["food", "war"]})
    return FeatureLookup.over(Dataset.from_frames(events, items=items), FEATURES)


def test_online_features_of_rows(lookup):
    rows = [{"user_id": "a", "item_id": "x"}, {"user_id": "a", "item_id": "y"}, {"user_id": "nobody", "item_id": "z"}]
    found = lookup.get_online_features(features=["item:clicks", "mine", "best", "topic"], entity_rows=rows, now=350.0)
    assert found.to_dict() == {
        "user_id": ["a", "a", "nobody"], "item_id": ["x", "y", "z"],
        "clicks": [2.0, 1.0, 0.0], "mine": [2.0, 2.0, 0.0], "best": [1.0, 2.0, 1.0], "topic": ["food", "war", ""],
    }  # fmt: skip


def test_context_of_rows_and_the_clock(lookup):
    rows = [{"user_id": "a", "item_id": "x", "device": "phone"}, {"item_id": "x"}]
    found = lookup.get_online_features(["device", "idle"], rows).to_dict()
    assert found["device"] == ["phone", "none"]
    assert found["idle"][0] > 1e9
    assert found["idle"][1] is None


def test_historical_features_see_what_lay_strictly_before_each_row(lookup):
    """The join of every row with its own moment; the event at that moment is not part of it."""
    frame = pl.DataFrame({
        "user_id": ["a", "a", "a", "b"], "item_id": ["x", "x", "x", "x"], "label": [1, 0, 1, 0],
        "event_timestamp": [datetime.fromtimestamp(t, UTC) for t in (400.0, 100.0, 400.5, 301.0)],
    })  # fmt: skip
    found = lookup.get_historical_features(frame, ["clicks", "idle"]).to_df()
    assert found.columns == ["user_id", "item_id", "label", "event_timestamp", "clicks", "idle"]
    assert found["clicks"].to_list() == [2.0, 0.0, 3.0, 2.0]
    assert found["idle"].to_list() == [300.0, None, 0.5, 1.0]
    assert found["label"].to_list() == [1, 0, 1, 0]
    seconds = lookup.get_historical_features(
        frame.with_columns(event_timestamp=pl.Series([400.0, 100.0, 400.5, 301.0]))
    )
    assert seconds.to_dict()["clicks"] == [2.0, 0.0, 3.0, 2.0]


def test_a_join_agrees_with_the_pipeline(newsroom):
    """The same numbers as a request with these candidates gets."""
    from shortlist.core.types import Candidates, Requests
    from shortlist.features.spec import make_features
    from shortlist.pipeline.build import offline_world

    tables = [{"name": "ctr", "kind": "rate", "window": "7d"}, {"name": "z", "kind": "relative", "column": "ctr"}]
    shown = newsroom.impressions
    world, made = offline_world(newsroom), make_features(tables)
    world.features.need(made.measures)
    first = slice(int(shown.offsets[1000]), int(shown.offsets[1001]))
    at = float(shown.at[1000])
    table = Candidates(np.zeros(first.stop - first.start, np.int32), shown.item[first], 1)
    expected = made.columns(Requests.of([int(shown.user[1000])], now=at), table, world.features, world.catalogue, None)
    frame = pl.DataFrame({
        "user_id": [newsroom.users.ids[int(shown.user[1000])]] * len(table),
        "item_id": newsroom.items.decode(shown.item[first]), "event_timestamp": [at] * len(table),
    })  # fmt: skip
    found = FeatureLookup.over(newsroom, tables).get_historical_features(frame).to_dict()
    assert found["ctr"] == expected["ctr"].tolist()
    assert found["z"] == expected["z"].tolist()


def test_mistakes_are_named(lookup):
    with pytest.raises(BadSpec, match="Did you mean 'clicks'"):
        lookup.get_online_features(["click"], [{"user_id": "a"}])
    with pytest.raises(BadRequest, match="must be a mapping"):
        lookup.get_online_features(["clicks"], ["a"])
    with pytest.raises(SchemaMismatch, match="no column 'event_timestamp'"):
        lookup.get_historical_features(pl.DataFrame({"user_id": ["a"]}))
    with pytest.raises(SchemaMismatch, match="empty cells"):
        lookup.get_historical_features(pl.DataFrame({"user_id": ["a"], "event_timestamp": [None]}))
    with pytest.raises(SchemaMismatch, match="holds no times"):
        lookup.get_historical_features(pl.DataFrame({"user_id": ["a"], "event_timestamp": ["soon"]}))
    with pytest.raises(BadSpec, match="column 'colour', which does not exist"):
        FeatureLookup.over(Dataset.from_frames(pl.DataFrame({"user_id": ["a"], "item_id": ["x"]})), [
            {"name": "c", "kind": "field", "column": "colour"}
        ])  # fmt: skip


def test_no_rows(lookup):
    assert lookup.get_online_features(["clicks"], []).to_dict() == {"clicks": []}
