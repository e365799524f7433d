"""Logistic MF: what its steps must reach, what its scores mean, and the fold-in that serves strangers."""

import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.types import History, Requests
from shortlist.models.retrieval.logistic_mf import LogisticMf, _pass
from shortlist.testing.worlds import checkerboard, dataset_of, requests_for, small_log

CTX = FitContext(seed=4)


def test_colours_of_the_checkerboard_are_told_apart():
    world = checkerboard()
    model = LogisticMf(factors=8, epochs=100).fit(world.data, world.ctx)
    block = model.score_block(world.requests)
    block[world.requests.history.row, world.requests.history.item] = np.nan
    assert (np.nanargmax(block, axis=1) % 2).tolist() == [answer % 2 for answer in world.answer]


def test_what_a_user_did_ends_above_what_the_user_did_not():
    data = small_log()
    block = LogisticMf(epochs=100).fit(data, CTX).score_block(requests_for(data))
    had = data.matrix().toarray() > 0
    ordered = [(row[mine][:, None] > row[~mine]).mean() for row, mine in zip(block, had, strict=True)]
    assert np.mean(ordered) > 0.85


def test_scores_of_a_world_without_tastes_are_its_log_odds():
    """Everybody took item 0 and every tenth item 1; each event brings one "no" from the items its user lacks."""
    events = [(u, 0, 1.0) for u in range(200)] + [(u, 1, 2.0) for u in range(0, 200, 10)]
    data = dataset_of(events, n_users=200, n_items=3)
    model = LogisticMf(factors=1, negatives=1, epochs=60, reg=0.0, init_scale=1e-9).fit(data, CTX)
    bias = model.item_factors_[:, -1]
    # Item 1: 20 times "yes"; half of the "no" of those who lack items 1 and 2, 90 a pass on average.
    assert bias[1] == pytest.approx(np.log(20 / 90), abs=0.35)
    assert bias[0] > 3.0
    assert np.abs(model.item_factors_[:, 0]).max() < 1e-3, "vectors have nothing to add"


def test_one_step_worked_out_by_hand():
    users, items = np.array([[0.5, 1.0]], np.float32), np.array([[2.0, -1.0]], np.float32)
    one = np.array([0], np.int64)
    _pass(np.array([0], np.uint64), one, np.array([0, 1]), one, users, items, 3, 0.1, 0.5)
    # Odds 0.5 * 2 - 1 = 0: the pull is a half; the only item was taken, so there is no "no".
    assert users == pytest.approx(np.array([[0.95 * 0.5 + 0.05 * 2.0, 1.0]]))
    assert items == pytest.approx(np.array([[0.95 * 2.0 + 0.05 * 0.5, -0.95 + 0.05]]))


def test_seeds_differ_and_threads_do_not():
    data = small_log()
    one = LogisticMf().fit(data, FitContext(seed=1, threads=1))
    assert one.item_factors_.tobytes() == LogisticMf().fit(data, FitContext(seed=1, threads=2)).item_factors_.tobytes()
    assert one.item_factors_.tobytes() != LogisticMf().fit(data, FitContext(seed=2)).item_factors_.tobytes()


def test_the_history_of_the_request_decides_not_the_user():
    data = small_log()
    model = LogisticMf().fit(data, CTX)
    block = model.score_block(Requests.of([-1, 3, 3], history=History.of([[0, 4, 8], [0, 4, 8], [1, 5]])))
    assert block[0].tobytes() == block[1].tobytes()
    assert block[1].tobytes() != block[2].tobytes()


def test_a_user_with_everything_and_an_item_with_nobody():
    events = [(0, 0, 1), (0, 1, 2), (0, 2, 3), (1, 0, 1)]
    model = LogisticMf(factors=4).fit(dataset_of(events, n_users=2, n_items=4), CTX)
    block = model.score_block(Requests.of([-1, -1, -1], history=History.of([[0, 1, 2], [0], [3]])))
    assert np.isnan(block[0]).all(), "there is nothing left to say no to"
    assert np.isfinite(block[1]).tolist() == [True, True, True, False]
    assert np.isnan(block[2]).all()


@pytest.mark.parametrize(("n_users", "n_items"), [(1, 1), (1, 2), (2, 1)])
def test_catalogues_that_everybody_has_whole_still_fit(n_users, n_items):
    events = [(u, i, 1.0 + u) for u in range(n_users) for i in range(n_items)]
    model = LogisticMf(factors=4).fit(dataset_of(events, n_users=n_users, n_items=n_items), CTX)
    assert np.isfinite(model.item_factors_).all()


def test_likeness_leaves_popularity_out():
    world = checkerboard()
    model = LogisticMf(factors=8, epochs=100).fit(world.data, world.ctx)
    before = model.similar_block(np.arange(20))
    model.item_factors_[:, -1] += 5.0
    assert model.similar_block(np.arange(20)).tobytes() == before.tobytes()
    same = (np.arange(20)[:, None] - np.arange(20)) % 2 == 0
    assert before[same].mean() > before[~same].mean() + 0.5
