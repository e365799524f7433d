from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from shortlist.core.errors import BadConfig
from shortlist.core.types import Requests
from shortlist.models.retrieval.new_arrivals import NewArrivals
from shortlist.testing.worlds import DAY, dataset_of

EVENTS = [(0, 0, 0.0), (0, 1, 4 * DAY), (0, 0, 6 * DAY), (1, 2, 8 * DAY)]


def data(**columns):
    made = dataset_of(EVENTS, n_users=2, n_items=4)
    return replace(made, item_table=pl.DataFrame({"item_id": made.items.ids, **columns})) if columns else made


def test_age_counts_from_the_first_event():
    score = NewArrivals(half_age_s=4 * DAY).fit(data()).score_block(Requests.of([0, -1]))
    expected = [4 / 12, 4 / 8, 1.0, np.nan]
    np.testing.assert_allclose(score, [expected, expected])


@pytest.mark.parametrize(
    "published",
    [
        [None, date(1970, 1, 9), None, date(1970, 1, 5)],
        [None, datetime(1970, 1, 9, tzinfo=UTC), None, datetime(1970, 1, 5, tzinfo=UTC)],
        [None, 8 * DAY, None, 4 * DAY],
        [None, 691_200, None, 345_600],
    ],
)
def test_a_publish_column_wins_where_it_is_known(published):
    model = NewArrivals(column="published", half_age_s=4 * DAY).fit(data(published=published))
    np.testing.assert_allclose(model.score_block(Requests.of([-1]))[0], [4 / 12, 1.0, 1.0, 4 / 8])


def test_what_is_not_out_yet_or_too_old_is_no_candidate():
    model = NewArrivals(reference="now", max_age_s=5 * DAY, half_age_s=DAY).fit(data())
    score = model.score_block(Requests.of([-1, -1], now=np.array([4 * DAY, 9 * DAY])))
    np.testing.assert_allclose(score, [[1 / 5, 1.0, np.nan, np.nan], [np.nan, 1 / 6, 1 / 2, np.nan]])


def test_a_missing_column_and_one_without_times_are_named():
    with pytest.raises(BadConfig, match="published"):
        NewArrivals(column="published").fit(data())
    with pytest.raises(BadConfig) as wrong:
        NewArrivals(column="publishd").fit(data(published=["a", "b", "c", "d"]))
    assert "published" in wrong.value.hint
    with pytest.raises(BadConfig, match="not times"):
        NewArrivals(column="published").fit(data(published=["a", "b", "c", "d"]))
