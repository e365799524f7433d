from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from shortlist.core.errors import BadConfig, StageError
from shortlist.core.types import Requests
from shortlist.models.retrieval.popularity import Popularity
from shortlist.testing.worlds import dataset_of

EVENTS = [(0, 2, 1.0), (0, 2, 2.0), (0, 2, 3.0), (0, 0, 4.0), (1, 0, 5.0)]


@pytest.mark.parametrize(
    ("count", "expected"),
    [("events", [2, np.nan, 3, np.nan]), ("users", [2, np.nan, 1, np.nan]), ("value", [9, np.nan, 6, np.nan])],
)
def test_what_is_counted(count, expected):
    data = dataset_of(EVENTS, n_users=2, n_items=4)
    values = np.array([1, 2, 3, 4, 5], np.float32)
    data = replace(data, interactions=replace(data.interactions, value=values))
    model = Popularity(count=count).fit(data)
    np.testing.assert_array_equal(model.score_block(Requests.of([0, -1])), [expected, expected])


# North (users 0 and 1): item 0 twice, item 1 once. South (user 2): item 2 once. User 3 has no region.
PLACES = [(0, 0, 1.0), (1, 0, 2.0), (1, 1, 3.0), (2, 2, 4.0), (3, 2, 5.0), (3, 2, 6.0)]


def regional(region=("north", "north", "south", None)):
    data = dataset_of(PLACES, n_users=4, n_items=4)
    return replace(data, user_table=pl.DataFrame({"user_id": data.users.ids, "region": region}))


def test_counts_of_a_segment_with_those_of_all_behind_them():
    model = Popularity(segment="region", smoothing=3.0).fit(regional())
    score = model.score_block(Requests.of([0, 2]))
    # All: 2, 1 and 3 of 6 events; three events of smoothing are shared out as 1, 0.5 and 1.5.
    np.testing.assert_allclose(score, [[2 + 1, 1 + 0.5, 0 + 1.5, np.nan], [0 + 1, 0 + 0.5, 1 + 1.5, np.nan]])


def test_users_of_no_known_segment_get_the_counts_of_all():
    model = Popularity(segment="region").fit(regional())
    score = model.score_block(Requests.of([3, -1, 99]))
    np.testing.assert_array_equal(score, [[2, 1, 3, np.nan]] * 3)


def test_small_segments_get_the_counts_of_all():
    model = Popularity(segment="region", smoothing=0.0, min_segment_events=2).fit(regional())
    np.testing.assert_array_equal(model.score_block(Requests.of([0, 2])), [[2, 1, 0, np.nan], [2, 1, 3, np.nan]])


def test_the_segment_of_the_request_comes_first():
    model = Popularity(segment="region", smoothing=0.0).fit(regional())
    ask = replace(Requests.of([-1, 0, 0]), cols={"region": np.array(["south", "south", "nowhere"], object)})
    np.testing.assert_array_equal(model.score_block(ask)[:, :3], [[0, 0, 1], [0, 0, 1], [2, 1, 0]])


def test_numbers_are_segments_too_and_saving_keeps_them(tmp_path):
    data = regional((7, 7, 8, None))
    model = Popularity(segment="region", smoothing=1.0).fit(data)
    model.save(tmp_path)
    ask = Requests.of([0, 2, 3])
    np.testing.assert_array_equal(Popularity.load(tmp_path).score_block(ask), model.score_block(ask))
    assert model.segments_ == ["7", "8"]


def test_a_column_that_users_do_not_have_is_named():
    with pytest.raises(BadConfig) as wrong:
        Popularity(segment="regoin").fit(regional())
    assert "region" in wrong.value.hint


def test_negative_values_sink_and_broken_ones_are_refused():
    data = regional()
    values = np.array([1, 1, -4, 1, 1, 1], np.float32)
    low = replace(data, interactions=replace(data.interactions, value=values))
    score = Popularity(count="value", segment="region", smoothing=5.0).fit(low).score_block(Requests.of([0]))
    np.testing.assert_allclose(score, [[2 + 2, -4, 0 + 3, np.nan]])
    broken = replace(data, interactions=replace(data.interactions, value=np.full(6, np.nan, np.float32)))
    with pytest.raises(StageError, match="finite"):
        Popularity(count="value").fit(broken)
