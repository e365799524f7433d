import numpy as np
import pytest

from shortlist.core.types import History
from shortlist.models.retrieval._skipgram import _drawing_table, _kept_share, sessions


def test_sessions_end_at_long_pauses_and_with_the_user():
    past = History.of([[0, 1, 2], [], [3, 4]], [[0.0, 10.0, 21.0], [], [22.0, 23.0]])
    assert sessions(past, 10.0).tolist() == [0, 2, 3, 5]
    assert sessions(past, None).tolist() == [0, 3, 5]
    assert sessions(History.of([[], []]), 10.0).tolist() == [0]


@pytest.mark.parametrize("power", [0.0, 0.75, 1.0, -0.5])
def test_the_drawing_table_gives_each_item_its_share(power):
    count = np.array([1, 0, 5, 100, 17, 0, 3])
    stay, other = _drawing_table(count, power)
    share = np.zeros(len(count))
    np.add.at(share, np.arange(len(count)), stay / len(count))
    np.add.at(share, other, (1 - stay) / len(count))
    weight = np.where(count > 0, np.maximum(count, 1.0) ** power, 0.0)
    np.testing.assert_allclose(share, weight / weight.sum(), atol=1e-12)


def test_frequent_items_are_read_less_often():
    kept = _kept_share(np.array([900, 99, 1]), 0.01)
    np.testing.assert_allclose(kept, [(0.01 / 0.9) ** 0.5, (0.01 / 0.099) ** 0.5, 1.0])
    assert _kept_share(np.array([5, 0]), 0.0).tolist() == [1, 1]
