"""Histories as models read them, worked out by hand."""

import numpy as np

from shortlist.core.types import History
from shortlist.models.history import distinct, history_matrix, latest_session, recency, within

KNOWN = np.array([True, True, False, True])
TWO = [[0, 9, 2, 0, 3], [], [3, -1, 3, 1]]


def rows(history):
    return [history.one(b).tolist() for b in range(len(history))]


def test_only_known_items_stay_in_order():
    assert rows(within(History.of(TWO), KNOWN)) == [[0, 0, 3], [], [3, 3, 1]]


def test_nothing_is_copied_when_all_is_known():
    history = History.of([[0, 1], [3]])
    assert within(history, KNOWN) is history


def test_distinct_keeps_the_latest_of_each_item_with_its_time():
    history = History.of([[0, 1, 0], [2, 2], []], [[1, 2, 3], [4, 5], []])
    short = distinct(history)
    assert rows(short) == [[1, 0], [2], []]
    assert short.at.tolist() == [2, 3, 5]


def test_recency_counts_back_from_the_latest_event():
    history = History.of([[5, 6, 7], [], [8]])
    np.testing.assert_allclose(recency(history, decay=0.5), [0.25, 0.5, 1, 1])
    np.testing.assert_allclose(recency(history, age_power=1), [1 / 3, 1 / 2, 1, 1])
    np.testing.assert_allclose(recency(history, decay=0.5, age_power=1), [0.25 / 3, 0.25, 1, 1])


def test_matrix_of_histories_leaves_the_history_as_it_was():
    history = History.of([[1, 0, 1], [], [3, 3]])
    before = (history.item.copy(), history.offsets.copy())
    assert history_matrix(history, KNOWN).toarray().tolist() == [[1, 1, 0, 0], [0] * 4, [0, 0, 0, 1]]
    assert history_matrix(history, KNOWN, weight="count").toarray()[[0, 2]].tolist() == [[1, 2, 0, 0], [0, 0, 0, 2]]
    assert history.item.tolist() == before[0].tolist()
    assert history.offsets.tolist() == before[1].tolist()


def test_the_latest_session_is_what_follows_the_last_pause():
    past = History.of([[1, 2, 3], [], [4], [5, 6]], [[0, 10, 100], [], [7], [0, 50]])
    read = latest_session(past, 20)
    assert [read.one(b).tolist() for b in range(4)] == [[3], [], [4], [6]]
    assert latest_session(past, 50).one(3).tolist() == [5, 6], "a pause of exactly the gap is none"
    assert latest_session(past, None) is past
