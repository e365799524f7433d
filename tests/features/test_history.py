"""As-of reads: nothing at or after `now`, whatever the order of arrival."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.core.types import History
from shortlist.features.history import HistoryState
from shortlist.testing.worlds import dataset_of

EVENTS = [(0, 5, 10.0), (1, 6, 11.0), (0, 7, 20.0), (0, 8, 20.0), (2, 9, 5.0)]


@pytest.fixture
def state():
    return HistoryState.from_dataset(dataset_of(EVENTS, n_users=4, n_items=12))


def read(state, users, now, limit=100):
    return state.read(np.array(users), np.broadcast_to(np.asarray(now, float), (len(users),)), limit)


def listed(history):
    return [history.one(b).tolist() for b in range(len(history))]


def test_an_event_at_now_is_not_visible(state):
    assert listed(read(state, [0, 0, 0], [20.0, 20.001, 10.0])) == [[5], [5, 7, 8], []]


def test_unknown_users_have_no_history(state):
    assert listed(read(state, [-1, 3, 99], 100.0)) == [[], [], []]


def test_the_latest_events_stay_within_the_limit(state):
    assert listed(read(state, [0], 100.0, limit=2)) == [[7, 8]]
    state.append(0, 9, 15.0)
    assert listed(read(state, [0], 100.0, limit=3)) == [[9, 7, 8]]


def test_the_next_read_sees_an_append_also_of_a_new_user(state):
    state.append(0, 11, 30.0)
    state.append(50, 1, 30.0)
    assert listed(read(state, [0, 50, 1], 31.0)) == [[5, 7, 8, 11], [1], [6]]
    assert listed(read(state, [0, 50], 30.0)) == [[5, 7, 8], []]


def test_events_without_user_or_item_are_ignored(state):
    state.append(-1, 3, 1.0)
    state.append(0, -1, 1.0)
    assert listed(read(state, [0], 100.0)) == [[5, 7, 8]]


def test_a_forgotten_user_is_gone_and_may_come_back(state):
    state.append(0, 11, 30.0)
    state.forget(0)
    assert listed(read(state, [0, 1], 100.0)) == [[], [6]]
    state.append(0, 3, 40.0)
    assert listed(read(state, [0], 100.0)) == [[3]]


def test_equal_times_keep_file_order_then_arrival(state):
    state.append(0, 1, 20.0)
    state.append(0, 2, 20.0)
    assert listed(read(state, [0], 21.0)) == [[5, 7, 8, 1, 2]]


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(12)), st.integers(0, 12))
def test_late_and_out_of_order_appends_give_the_state_of_sorted_ones(order, n_base):
    """Any part of the log in the base, the rest appended in any order: the same histories."""
    events = [(j % 3, j, float(100 - 7 * j % 31) + j / 100) for j in range(12)]
    whole = HistoryState.from_dataset(dataset_of(events, n_users=3, n_items=12))
    parts = HistoryState.from_dataset(dataset_of(events[:n_base], n_users=3, n_items=12))
    for j in order:
        if j >= n_base:
            parts.append(*events[j])
    for now in (0.0, 80.0, 95.5, 200.0):
        assert listed(read(parts, [0, 1, 2], now)) == listed(read(whole, [0, 1, 2], now))


def test_a_batch_reads_what_single_requests_read():
    rng = np.random.default_rng(1)
    events = [(int(u), int(i), float(t)) for u, i, t in rng.integers(0, [80, 50, 400], (3000, 3))]
    state = HistoryState.from_dataset(dataset_of(events[:2500], n_users=80, n_items=50))
    for event in events[2500:]:
        state.append(*event)
    users, now = rng.integers(-1, 90, 500), rng.integers(0, 420, 500).astype(float)
    together = state.read(users, now, 7)
    alone = [state.read(users[[b]], now[[b]], 7) for b in range(500)]
    assert listed(together) == [history.one(0).tolist() for history in alone]
    assert together.at.tolist() == np.concatenate([history.at for history in alone]).tolist()


def test_an_empty_base_is_fine():
    state = HistoryState(History.empty(0))
    assert listed(read(state, [0, -1], 5.0)) == [[], []]
    state.append(0, 1, 2.0)
    assert listed(read(state, [0], 5.0)) == [[1]]
