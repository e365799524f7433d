from dataclasses import replace

import numpy as np
import pytest

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
