"""Days are UTC days: nothing jumps where clocks are put forward or back, and leap days are days (C18)."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from shortlist.core.errors import BadRow
from shortlist.data.dataset import Dataset
from shortlist.features.lookup import FeatureLookup

HOURS = 72
FEATURES = [
    {"name": "clicks_24h", "kind": "count", "events": ["click"], "window": "24h"},
    {"name": "clicks_28d", "kind": "count", "events": ["click"], "window": "28d"},
    {"name": "idle", "kind": "recency", "events": ["click"]},
    {"name": "trend", "kind": "decayed", "half_life": "3h"},
    {"name": "hour", "kind": "time"},
    {"name": "weekday", "kind": "time", "part": "weekday"},
    {"name": "visit", "kind": "session", "gap": "2h"},
]  # fmt: skip
MOMENTS = {
    "spring forward in Paris": datetime(2024, 3, 31, 1, tzinfo=UTC),
    "fall back in Paris": datetime(2024, 10, 27, 1, tzinfo=UTC),
    "fall back in New York": datetime(2024, 11, 3, 6, tzinfo=UTC),
    "leap day": datetime(2024, 2, 29, tzinfo=UTC),
    "the leap second of 2016": datetime(2017, 1, 1, tzinfo=UTC),
    "a plain day": datetime(2023, 5, 17, tzinfo=UTC),
}


def local(moment, at):
    """A time as a phone there writes it: local, with the offset that holds at that moment."""
    before, after = {"spring": (1, 2), "Paris": (2, 1), "York": (-4, -5)}[moment]
    return at.astimezone(timezone(timedelta(hours=before if at < MOMENTS_OF[moment] else after))).isoformat()


MOMENTS_OF = {"spring": MOMENTS["spring forward in Paris"], "Paris": MOMENTS["fall back in Paris"],
              "York": MOMENTS["fall back in New York"]}  # fmt: skip


def log(times):
    """One click an hour."""
    n = len(times)
    return Dataset.from_frames(pl.DataFrame({
        "user_id": ["u"] * n, "item_id": ["x"] * n, "timestamp": times, "event": ["click"] * n,
    }))  # fmt: skip


def asked(data, middle):
    """Every half hour around a moment: what a feature says."""
    lookup = FeatureLookup.over(data, FEATURES)
    at = [middle + timedelta(minutes=30 * n) for n in range(-2 * HOURS // 2, 2 * HOURS // 2 + 1)]
    frame = pl.DataFrame({"user_id": ["u"] * len(at), "item_id": ["x"] * len(at), "event_timestamp": at})
    return lookup.get_historical_features(frame).to_df()


def hourly(middle):
    return [middle + timedelta(hours=n) for n in range(-HOURS, HOURS + 1)]


@pytest.mark.parametrize("name", MOMENTS)
def test_features_around_a_change_are_those_around_any_other_hour(name):
    """The same rhythm of clicks gives the same counts, pauses and visits, whatever clocks on walls do meanwhile."""
    middle = MOMENTS[name]
    plain = MOMENTS["a plain day"].replace(hour=middle.hour)
    mine, usual = (asked(log([t.timestamp() for t in hourly(m)]), m) for m in (middle, plain))
    for feature in ("clicks_24h", "clicks_28d", "idle", "trend", "hour", "visit"):
        assert mine[feature].to_numpy() == pytest.approx(usual[feature].to_numpy(), rel=1e-9, nan_ok=True), feature
    assert mine["idle"].min() > 0, "no age is negative"
    assert set(mine["clicks_24h"].to_list()) <= {23.0, 24.0, 25.0}
    hours = mine["hour"].to_numpy()
    assert set(np.diff(hours).round(6).tolist()) == {0.5, -23.5}, "every half hour once, none twice"
    days = mine["weekday"].to_list()
    assert {b - a for a, b in pairwise(days)} <= {0.0, 1.0, -6.0}
    assert days[HOURS] == middle.weekday()


@pytest.mark.parametrize("change", MOMENTS_OF)
def test_local_times_with_their_offset_are_the_moments_they_mean(change):
    """The hour that comes twice, or never, on the wall is one hour, or none, of the log."""
    times = hourly(MOMENTS_OF[change])
    data = log([local(change, t) for t in times])
    assert data.interactions.at.tolist() == [t.timestamp() for t in times]
    assert set(np.diff(data.interactions.at).tolist()) == {3_600.0}


def test_a_leap_second_is_no_time_and_is_named():
    with pytest.raises(BadRow, match="'timestamp' is not a time"):
        log(["2016-12-31T23:59:59Z", "2016-12-31T23:59:60Z"])


def test_the_29th_of_february_is_a_day_of_its_own():
    [before, leap, after] = [datetime(2024, *day, 12, tzinfo=UTC) for day in ((2, 28), (2, 29), (3, 1))]
    lookup = FeatureLookup.over(log([before.timestamp(), leap.timestamp(), after.timestamp()]), FEATURES)
    frame = pl.DataFrame({"user_id": ["u"] * 2, "item_id": ["x"] * 2,
                          "event_timestamp": [after, after + timedelta(seconds=1)]})  # fmt: skip
    found = lookup.get_historical_features(frame, ["idle", "clicks_28d", "weekday"]).to_df()
    assert found["idle"].to_list() == [86_400.0, 1.0]
    assert found["clicks_28d"].to_list() == [2.0, 3.0]
    assert found["weekday"].to_list() == [4.0, 4.0]
