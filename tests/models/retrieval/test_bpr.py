"""BPR: what its steps must reach, and the fold-in that serves strangers."""

import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.types import History, Requests
from shortlist.models.retrieval.bpr import Bpr
from shortlist.testing.worlds import checkerboard, dataset_of, requests_for, small_log

CTX = FitContext(seed=4)


def test_colours_of_the_checkerboard_are_told_apart():
    world = checkerboard()
    model = Bpr(factors=8, epochs=60).fit(world.data, world.ctx)
    block = model.score_block(world.requests)
    block[world.requests.history.row, world.requests.history.item] = np.nan
    assert (np.nanargmax(block, axis=1) % 2).tolist() == [answer % 2 for answer in world.answer]


def test_what_a_user_did_ends_above_what_the_user_did_not():
    data = small_log()
    requests = requests_for(data)
    block = Bpr(epochs=100).fit(data, CTX).score_block(requests)
    had = data.matrix().toarray() > 0
    ordered = [(row[mine][:, None] > row[~mine]).mean() for row, mine in zip(block, had, strict=True)]
    assert np.mean(ordered) > 0.85


def test_seeds_differ_and_threads_do_not():
    data = small_log()
    one = Bpr().fit(data, FitContext(seed=1, threads=1))
    assert one.item_factors_.tobytes() == Bpr().fit(data, FitContext(seed=1, threads=2)).item_factors_.tobytes()
    assert one.item_factors_.tobytes() != Bpr().fit(data, FitContext(seed=2)).item_factors_.tobytes()
    assert one.item_factors_.tobytes() == Bpr(seed=1).fit(data, FitContext(seed=9)).item_factors_.tobytes()


def test_the_history_of_the_request_decides_not_the_user():
    data = small_log()
    model = Bpr().fit(data, CTX)
    block = model.score_block(Requests.of([-1, 3, 3], history=History.of([[0, 4, 8], [0, 4, 8], [1, 5]])))
    assert block[0].tobytes() == block[1].tobytes()
    assert block[1].tobytes() != block[2].tobytes()


def test_a_user_with_everything_and_an_item_with_nobody():
    events = [(0, 0, 1), (0, 1, 2), (0, 2, 3), (1, 0, 1)]
    model = Bpr(factors=4).fit(dataset_of(events, n_users=2, n_items=4), CTX)
    block = model.score_block(Requests.of([-1, -1, -1], history=History.of([[0, 1, 2], [0], [3]])))
    assert np.isnan(block[0]).all(), "there is nothing left to prefer anything to"
    assert np.isfinite(block[1]).tolist() == [True, True, True, False]
    assert np.isnan(block[2]).all()


def test_a_catalogue_that_everybody_has_whole_still_fits():
    model = Bpr(factors=4).fit(dataset_of([(0, 0, 1), (0, 1, 2)], n_users=1, n_items=2), CTX)
    assert np.isfinite(model.item_factors_).all()


def test_similar_items_share_a_colour():
    world = checkerboard()
    similar = Bpr(factors=8, epochs=60).fit(world.data, world.ctx).similar_block(np.arange(20))
    same = (np.arange(20)[:, None] - np.arange(20)) % 2 == 0
    assert similar[same].mean() > similar[~same].mean() + 0.5
    assert similar.diagonal() == pytest.approx(1.0)
