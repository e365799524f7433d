"""Decisions made again from the log: equal where nothing came late, and honest about what did (C1)."""

import pytest

from benchmarks.skew import FEATURES, lived, read_back
from shortlist.app.skew import skew
from tests.app.world import service as small_service

NAMES = {feature["name"] for feature in FEATURES}


@pytest.fixture(scope="module")
def parts():
    return lived(100, late=0.0)


def test_what_was_served_is_computed_again_to_the_last_row(parts):
    found = skew(read_back(*parts))
    assert found.decisions >= 100
    assert found.rows >= 1_000
    assert (found.equal_rows, found.equal_lists) == (1.0, 1.0)
    assert {column.column for column in found.columns} > NAMES - {"words"}
    assert all(column.max_abs_diff < 1e-6 and column.psi < 1e-9 for column in found.columns)
    assert found.left_out == {}


def test_training_computes_the_same_where_nothing_came_late(parts):
    """Models that learned meanwhile score otherwise; features do not."""
    found = skew(read_back(*parts), as_trained=True)
    assert found.rows >= 400
    assert found.equal_rows == 1.0
    names = {column.column for column in found.columns}
    assert names > NAMES - {"words", "ctr_rank"}
    assert "score.trails" not in names


def test_events_that_came_late_are_seen_as_drift(parts):
    """A click of a minute before arrives after the decision: training would count it, serving could not."""
    service, past, fitted, wall = lived(10, late=0.0)
    decision = service.ledger.recent(limit=1)[0]
    at = decision["now"] - 60.0
    event = {"event": "interaction", "event_id": "late", "type": "click", "user_id": "somebody new",
             "item_id": decision["items"][0], "occurred_at": at}  # fmt: skip
    from shortlist.app.ingest import ingest

    assert ingest(service, [event]).count("accepted") == 1
    fresh = read_back(service, past, fitted, wall)
    assert skew(fresh, most=1).equal_rows == 1.0
    found = {column.column: column for column in skew(fresh, most=1, as_trained=True).columns}
    assert found["clicks_1h"].equal < 1.0
    assert found["clicks_1h"].max_abs_diff == 1.0
    assert found["hour"].equal == 1.0


def test_what_cannot_be_made_again_is_counted(parts):
    _service, past, fitted, _wall = parts
    fresh = read_back(*parts)
    fresh.swap_parts("b2", past, fitted.models, {"home": fitted.spec}, float(past.interactions.at.max()))
    found = skew(fresh, most=5)
    assert (found.decisions, found.rows, found.left_out) == (0, 0, {"another bundle": 5})
    assert found.plain()["equal_rows"] == 1.0
    assert skew(small_service()).rows == 0


@pytest.mark.golden
def test_ten_thousand_rows_of_the_newsroom():
    found = skew(read_back(*lived(1_000, late=0.0)), most=1_000)
    assert found.rows >= 10_000
    assert found.equal_rows >= 0.999
    assert found.equal_lists >= 0.999


def test_the_callers_context_reaches_features_and_the_record(parts):
    service = parts[0]
    assert service.ledger.recent(limit=1)[0]["question"]["context"] == {"device": "phone"}
