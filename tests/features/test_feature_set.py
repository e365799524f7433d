"""What happens to every feature alike: declarations, defaults, age, overflow, failures, and what is counted."""

import numpy as np
import pytest

from shortlist.core.errors import BadSpec, StoreUnavailable
from shortlist.core.types import Candidates, Requests
from shortlist.features.catalogue import ItemTable
from shortlist.features.facts import Facts
from shortlist.features.spec import make_features, resolved
from shortlist.features.state import FeatureState

NOW = 1_000_000.0
NAN = float("nan")


def refused(match, *tables):
    with pytest.raises(BadSpec, match=match):
        make_features(tables)


def test_mistakes_are_named_with_the_nearest_name():
    refused("feature named 'cuont'.*Did you mean 'count'", {"name": "a", "kind": "cuont"})
    refused("no setting 'windw'.*Did you mean 'window'", {"name": "a", "kind": "count", "windw": "1h"})
    refused("does not say its kind", {"name": "a"})
    refused("cannot belong to 'context'.*item, user, pair", {"name": "a", "kind": "count", "owner": "context"})
    refused("is no text.*It can be: number", {"name": "a", "kind": "count", "type": "text"})
    refused("default of feature 'a' is no number", {"name": "a", "kind": "count", "default": "none"})
    refused("no span of time", {"name": "a", "kind": "count", "window": "1 fortnight"})
    refused("no age that 'ttl' could bound", {"name": "a", "kind": "field", "column": "price", "ttl": "1d"})
    refused("no number to take the log of", {"name": "a", "kind": "last_n", "scale": "log1p"})
    refused("Two features are called 'a'", {"name": "a", "kind": "count"}, {"name": "a", "kind": "sum"})
    refused("'b', which is not declared before it", {"name": "a", "kind": "relative", "column": "b"},
            {"name": "b", "kind": "count"})  # fmt: skip
    refused("setting 'name' is not valid", {"name": "", "kind": "count"})


def test_a_pipeline_says_what_it_declares_and_that_somebody_adds_it():
    from shortlist.pipeline.spec import PipelineSpec, describe

    values = {"name": "p", "source": [{"use": "popular"}], "feature": [{"name": "a", "kind": "count", "window": "7d"}]}
    with pytest.raises(BadSpec, match="declares features that no stage adds"):
        PipelineSpec.from_dict(values)
    with pytest.raises(BadSpec, match="Did you mean 'window'"):
        PipelineSpec.from_dict({**values, "feature": [{"name": "a", "kind": "count", "windw": "7d"}]})
    spec = PipelineSpec.from_dict({**values, "hydrator": [{"use": "features"}]})
    [row] = [row for row in describe(spec) if row["kind"] == "feature"]
    assert (row["name"], row["provides"], row["settings"]["window"]) == ("a", ["a"], "7d")


def test_a_declaration_says_everything_once_resolved():
    found = resolved({"name": "ctr", "kind": "rate", "window": "7d"})
    assert found["owner"] == "item"
    assert (found["type"], found["unit"], found["default"], found["ttl"]) == ("number", "1", None, None)
    assert found["events"] == ["click"]


def test_only_takes_what_a_feature_reads_along():
    made = make_features([
        {"name": "a", "kind": "count"}, {"name": "b", "kind": "sum"},
        {"name": "c", "kind": "relative", "column": "a"}, {"name": "d", "kind": "relative", "column": "score.x"},
    ])  # fmt: skip
    assert made.only(["c"]).names == ("a", "c")
    assert made.needs() == ("score.x",)
    with pytest.raises(BadSpec, match="There is no feature 'e'"):
        made.only(["e"])


def test_features_that_read_the_same_share_one_measure():
    made = make_features([
        {"name": "a", "kind": "count", "events": ["click"], "window": "1h"},
        {"name": "b", "kind": "count", "events": ["click"], "window": "7d"},
        {"name": "c", "kind": "rate", "window": "7d", "prior_rate": 0.1},
    ])  # fmt: skip
    assert len(made.measures) == 2
    assert len(made.queries["item"]) == 3


def test_what_was_last_heard_too_long_ago_is_unknown(columns):
    facts = [(NOW - 100.0, 0, 1, "click", 1.0, -1), (NOW - 9_000.0, 0, 2, "click", 1.0, -1)]
    old = {"kind": "count", "ttl": "1h"}
    found = columns(old, {**old, "default": -1.0}, items=[[1, 2, 3]], facts=facts)
    assert found["f"].tolist() == pytest.approx([1.0, NAN, 0.0], nan_ok=True)
    assert found["f1"].tolist() == [1.0, -1.0, 0.0]
    assert columns.tally["f", "stale"] == 1


def test_overflow_and_missing_values_are_counted_and_never_ranked_first(columns):
    facts = [(NOW - 9.0, 0, 1, "buy", 1.7e308, -1), (NOW - 8.0, 0, 1, "buy", 1.7e308, -1)]
    found = columns({"kind": "sum"}, {"kind": "sum", "default": 0.0}, items=[[1, 2]], facts=facts)
    assert np.isnan(found["f"][0])
    assert found["f1"].tolist() == [0.0, 0.0]
    assert columns.tally["f", "overflow"] == 1


def test_a_column_that_is_empty_throughout_gives_the_default(columns):
    catalogue = {i: {"price": None} for i in range(3)}
    catalogue[0] = {"price": 1.0}
    found = columns({"kind": "field", "column": "price", "default": 7.0}, items=[[1, 2]], catalogue=catalogue)
    assert found.tolist() == [7.0, 7.0]
    assert columns.tally["f", "missing"] == 2


def test_a_category_nobody_has_met_is_shared_with_nothing_and_none_is_missing(columns):
    catalogue = {0: {"category": "a"}, 1: {"category": "never met"}, 2: {"category": None}}
    share = {"kind": "share", "column": "category", "default": -1.0}
    label = {"kind": "field", "column": "category", "type": "text", "default": "other"}
    found = columns(share, label, items=[[0, 1, 2]], catalogue=catalogue, past=[[(0, 10.0), (0, 20.0)]])
    assert found["f"].tolist() == [1.0, 0.0, -1.0]
    assert found["f1"].tolist() == ["a", "never met", "other"]
    assert columns.tally["f", "missing"] == columns.tally["f1", "missing"] == 1


class Broken:
    def need(self, measures):
        pass

    def fetch(self, entities):
        raise StoreUnavailable("The feature store does not answer.", hint="Look at it.")


def test_a_failing_store_is_fatal_without_a_default_and_counted_with_one():
    """Features that read no state go on as ever."""
    safe = [{"name": "a", "kind": "count", "default": 0.0}, {"name": "h", "kind": "time"}]
    asked = Requests.of([0], now=NOW), Candidates(np.zeros(2, np.int32), np.array([1, 2]), 1)
    made = make_features(safe)
    found = made.columns(*asked, Broken(), ItemTable(0), None)
    assert found["a"].tolist() == [0.0, 0.0]
    assert found["h"][0] > 0
    assert [(c.feature, c.reason, c.values) for c in made.tally()] == [("a", "failed", 2)]
    with pytest.raises(StoreUnavailable):
        make_features([*safe, {"name": "b", "kind": "count"}]).columns(*asked, Broken(), ItemTable(0), None)


def test_one_fetch_per_batch():
    class Counting(FeatureState):
        fetched = 0

        def fetch(self, entities):
            self.fetched += 1
            return super().fetch(entities)

    made = make_features([
        {"name": "a", "kind": "count"}, {"name": "b", "kind": "count", "owner": "user"}, {"name": "c", "kind": "rate"},
    ])  # fmt: skip
    state = Counting(Facts.of_rows([(1.0, 0, 1, "click", 1.0, -1)]))
    state.need(made.measures)
    table = Candidates(np.repeat(np.arange(3, dtype=np.int32), 200), np.tile(np.arange(200), 3), 3)
    made.columns(Requests.of([0, 1, -1], now=NOW), table, state, ItemTable(0), None)
    assert state.fetched == 1


def test_an_event_from_the_future_is_not_seen_before_its_time(columns):
    facts = [(NOW + 5.0, 0, 1, "click", 1.0, -1), (NOW, 0, 1, "click", 1.0, -1), (NOW - 1.0, 0, 1, "click", 1.0, -1)]
    tables = ({"kind": "count"}, {"kind": "count", "window": "1h"}, {"kind": "decayed"}, {"kind": "recency"})
    now = columns(*tables, items=[[1]], facts=facts)
    assert [now[name][0] for name in ("f", "f1", "f3")] == [1.0, 1.0, 1.0]
    later = columns(*tables, items=[[1]], facts=facts, now=NOW + 6.0)
    assert [later[name][0] for name in ("f", "f1", "f3")] == [3.0, 3.0, 1.0]
