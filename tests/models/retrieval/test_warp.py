"""WARP: what its steps must reach, how large they are, and the fold-in that serves strangers."""

import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.types import History, Requests
from shortlist.models.retrieval.warp import Warp, _pass, rank_weights
from shortlist.testing.worlds import checkerboard, dataset_of, requests_for, small_log

CTX = FitContext(seed=4)


def test_colours_of_the_checkerboard_are_told_apart():
    world = checkerboard()
    model = Warp(factors=8, epochs=60).fit(world.data, world.ctx)
    block = model.score_block(world.requests)
    block[world.requests.history.row, world.requests.history.item] = np.nan
    assert (np.nanargmax(block, axis=1) % 2).tolist() == [answer % 2 for answer in world.answer]


def test_what_a_user_did_ends_above_what_the_user_did_not():
    data = small_log()
    block = Warp(epochs=100).fit(data, CTX).score_block(requests_for(data))
    had = data.matrix().toarray() > 0
    ordered = [(row[mine][:, None] > row[~mine]).mean() for row, mine in zip(block, had, strict=True)]
    assert np.mean(ordered) > 0.85


def test_a_mistake_at_rank_three_weighs_as_the_paper_says():
    assert rank_weights(4).tolist() == pytest.approx(np.array([0, 1, 3 / 2, 11 / 6, 25 / 12]) / (25 / 12))
    assert rank_weights(0).tolist() == [0.0]


def step(users, items, max_draws=10, margin=1.0):
    """One event of one user, who had item 0 of two, with learning rate .1 and no shrinkage."""
    users, items = (np.array(rows, np.float32) for rows in (users, items))
    one = np.array([0], np.int64)
    _pass(np.array([0], np.uint64), one, np.array([0, 1]), one, users, items, rank_weights(2), 0.1, 0.0, margin,
          max_draws)  # fmt: skip
    return users, items


def test_one_step_worked_out_by_hand():
    # Scores 1 and 0.5: within the margin. One other item, found at the first useful draw: rank 1, size 1 / 1.5.
    users, items = step([[1, 0]], [[1, 0], [0.5, 1]], max_draws=1_000)
    size = (0.1 / 1.5) * np.array([1.0])
    assert users == pytest.approx(np.array([[1 + size[0] * 0.5, -size[0] * 1.0]]))
    assert items == pytest.approx(np.array([[1 + size[0], 0], [0.5 - size[0], 1]]))


def test_an_event_that_is_right_by_the_margin_moves_nothing():
    users, items = step([[1, 0]], [[2, 0], [0.5, 1]])
    assert users.tolist() == [[1, 0]]
    assert items.tolist() == [[2, 0], [0.5, 1]]
    moved, _ = step([[1, 0]], [[2, 0], [0.5, 1]], margin=2.0, max_draws=1_000)
    assert moved.tolist() != [[1, 0]]


def test_seeds_differ_and_threads_do_not():
    data = small_log()
    one = Warp().fit(data, FitContext(seed=1, threads=1))
    assert one.item_factors_.tobytes() == Warp().fit(data, FitContext(seed=1, threads=2)).item_factors_.tobytes()
    assert one.item_factors_.tobytes() != Warp().fit(data, FitContext(seed=2)).item_factors_.tobytes()


def test_the_history_of_the_request_decides_not_the_user():
    data = small_log()
    model = Warp().fit(data, CTX)
    block = model.score_block(Requests.of([-1, 3, 3], history=History.of([[0, 4, 8], [0, 4, 8], [1, 5]])))
    assert block[0].tobytes() == block[1].tobytes()
    assert block[1].tobytes() != block[2].tobytes()


def test_a_user_with_everything_and_an_item_with_nobody():
    events = [(0, 0, 1), (0, 1, 2), (0, 2, 3), (1, 0, 1)]
    model = Warp(factors=4).fit(dataset_of(events, n_users=2, n_items=4), CTX)
    block = model.score_block(Requests.of([-1, -1, -1], history=History.of([[0, 1, 2], [0], [3]])))
    assert np.isnan(block[0]).all(), "there is nothing left to prefer anything to"
    assert np.isfinite(block[1]).tolist() == [True, True, True, False]
    assert np.isnan(block[2]).all()


@pytest.mark.parametrize(("n_users", "n_items"), [(1, 1), (1, 2), (2, 1)])
def test_catalogues_that_everybody_has_whole_still_fit(n_users, n_items):
    events = [(u, i, 1.0 + u) for u in range(n_users) for i in range(n_items)]
    model = Warp(factors=4).fit(dataset_of(events, n_users=n_users, n_items=n_items), CTX)
    assert np.isfinite(model.item_factors_).all()
    assert len(model.retrieve(Requests.of([0], history=History.of([[0]])), 1000)) <= n_items
