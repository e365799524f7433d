from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest

from shortlist.core.errors import BadRow, SchemaMismatch
from shortlist.data.origin import Origin
from shortlist.data.times import to_seconds

ORIGIN = Origin("log.csv", lambda row: row + 2)
NOON = 1_714_564_800.0  # 2024-05-01T12:00:00Z


def seconds(values, **options):
    return to_seconds(pl.Series("t", values), ORIGIN, column="t", **options).tolist()


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01T12:00:00",
        "2024-05-01 12:00:00",
        "2024-05-01T12:00:00Z",
        "2024-05-01T14:00:00+02:00",
        "2024-05-01T12:00",
        "2024-05-01T12:00:00.000",
        " 1714564800 ",
        "1714564800.0",
        "1.7145648e9",
    ],
)
def test_one_moment_in_many_spellings(text):
    assert seconds([text]) == [NOON]


def test_spellings_may_be_mixed_in_one_column():
    assert seconds(["2024-05-01T12:00:00", "1714564800", "2024-05-01T14:00:00+02:00"]) == [NOON] * 3


def test_fractions_survive():
    assert seconds(["2024-05-01T12:00:00.250"]) == [NOON + 0.25]


def test_datetimes_with_and_without_zone_and_dates():
    zone = timezone(timedelta(hours=2))
    assert seconds([datetime(2024, 5, 1, 12)]) == [NOON]
    assert seconds([datetime(2024, 5, 1, 14, tzinfo=zone).astimezone(UTC)]) == [NOON]
    assert seconds([date(2024, 5, 1)]) == [NOON - 43_200]


def test_units_of_numbers():
    assert seconds([1_714_564_800_000], unit="ms") == [NOON]
    assert seconds(["1714564800000000"], unit="us") == [NOON]


@pytest.mark.parametrize(
    "text",
    ["yesterday", "2024-02-30", "2024-05-01T24:30:00", "2024-05-01T12:00:60", "nan", "inf", "1e400", "５", "5_0"],
)
def test_impossible_times_name_the_line(text):
    with pytest.raises(BadRow, match=r"log\.csv, line 3: column 't' is not a time"):
        seconds(["2024-05-01T12:00:00", text])


def test_a_missing_time_names_the_line():
    with pytest.raises(BadRow, match="line 3: column 't' has no time"):
        seconds(["2024-05-01T12:00:00", None])


def test_a_column_that_cannot_be_a_time():
    with pytest.raises(SchemaMismatch, match="not a time"):
        seconds([[1.0]])
