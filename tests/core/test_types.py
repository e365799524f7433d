import numpy as np

from shortlist.core.types import Candidates, History, Requests


def test_history_take_keeps_each_users_events_in_order():
    history = History.of([[1, 2, 3], [], [4]])
    taken = history.take(np.array([2, 0]))
    assert taken.one(0).tolist() == [4]
    assert taken.one(1).tolist() == [1, 2, 3]
    assert taken.at.tolist() == [-1.0, -3.0, -2.0, -1.0]


def test_history_last_keeps_the_latest_events():
    history = History.of([[1, 2, 3], [], [4]]).last(2)
    assert [history.one(b).tolist() for b in range(3)] == [[2, 3], [], [4]]


def test_history_row_names_the_request_of_every_event():
    assert History.of([[1, 2], [], [3]]).row.tolist() == [0, 0, 2]


def test_requests_take_carries_columns_history_and_exclusions():
    requests = Requests.of([5, 6], now=[10.0, 20.0], history=History.of([[1], [2, 3]]))
    requests = requests.with_columns({"age": np.array([30, 40])})
    one = requests.take(np.array([1]))
    assert (one.user.tolist(), one.now.tolist(), one.seed.tolist()) == ([6], [20.0], [1])
    assert one.history.one(0).tolist() == [2, 3]
    assert one.cols["age"].tolist() == [40]


def test_candidates_take_with_columns_and_one():
    table = Candidates(np.array([0, 0, 2], np.int32), np.array([7, 8, 9]), 3)
    table = table.with_columns({"score": np.array([0.1, 0.2, 0.3])})
    assert table.offsets.tolist() == [0, 2, 2, 3]
    assert table.take(np.array([True, False, True])).item.tolist() == [7, 9]
    alone = table.one(2)
    assert (alone.n_requests, alone.item.tolist(), alone.cols["score"].tolist()) == (1, [9], [0.3])
    assert len(table.one(1)) == 0
