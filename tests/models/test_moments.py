import numpy as np

from shortlist.models.moments import TimedEvents, by_moment
from shortlist.testing.worlds import dataset_of


def test_events_at_the_moment_itself_are_not_read():
    log = TimedEvents.of(dataset_of([(0, 2, 30.0), (0, 1, 10.0), (1, 0, 20.0)], n_users=2, n_items=3))
    assert log.item.tolist() == [1, 0, 2]
    assert log.before(20.0).item.tolist() == [1]
    assert log.before(20.1).item.tolist() == [1, 0]


def test_each_distinct_moment_is_worked_out_once():
    asked = []
    block = by_moment(np.array([5.0, 1.0, 5.0]), lambda now: (asked.append(now), np.array([now, -now]))[1])
    assert block.tolist() == [[5, -5], [1, -1], [5, -5]]
    assert asked == [1.0, 5.0]
    assert by_moment(np.empty(0), lambda now: np.zeros(3)).shape == (0, 3)
