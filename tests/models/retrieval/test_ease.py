"""EASE against its definition, and the guard that keeps it from exhausting memory."""

import itertools

import numpy as np
import pytest

from shortlist.core.errors import TooLarge
from shortlist.core.types import History, Requests
from shortlist.models.retrieval.ease import Ease
from shortlist.testing.worlds import checkerboard, dataset_of, requests_for, small_log


def test_withheld_square_of_the_checkerboard_comes_first():
    world = checkerboard()
    model = Ease(reg=1.0).fit(world.data, world.ctx)
    block = model.score_block(world.requests)
    block[world.requests.history.row, world.requests.history.item] = np.nan
    assert np.nanargmax(block, axis=1).tolist() == world.answer


def test_weights_solve_the_constrained_ridge_regressions():
    data = small_log()
    x = data.matrix().toarray().astype(np.float64)
    model = Ease(reg=7.0).fit(data)
    weights = model.weights_.astype(np.float64)
    assert not np.diag(weights).any()
    # Stationarity: the gradient of |X - XB|^2 + reg |B|^2 vanishes off the diagonal.
    gradient = x.T @ (x @ weights - x) + 7.0 * weights
    np.fill_diagonal(gradient, 0.0)
    assert np.abs(gradient).max() < 1e-3


def test_dropout_is_the_mean_over_every_way_of_hiding_past_items():
    data = dataset_of([(u, i, 1) for u in range(9) for i in range(6) if (u * 5 + i * i) % 3], n_users=9, n_items=6)
    x = data.matrix().toarray().astype(np.float64)
    kept = 0.6
    weights = Ease(reg=2.0, dropout=1 - kept).fit(data).weights_.astype(np.float64)
    inner, outer = np.zeros((6, 6)), np.zeros((6, 6))
    for mask in itertools.product((0.0, 1.0), repeat=6):
        seen = x * np.array(mask)
        chance = np.prod(np.where(np.array(mask) > 0, kept, 1 - kept))
        inner += chance * seen.T @ seen
        outer += chance * seen.T @ x
    # The least mean error has weights 1 / kept times ours, a factor that changes no order.
    scaled = weights / kept
    gradient = inner @ scaled + 2.0 * kept**2 * scaled - outer
    np.fill_diagonal(gradient, 0.0)
    assert np.abs(gradient).max() < 1e-5


def test_items_nobody_had_are_no_candidates():
    model = Ease(reg=1.0).fit(dataset_of([(0, 0, 1), (0, 1, 2), (1, 0, 1)], n_users=2, n_items=4))
    block = model.score_block(Requests.of([-1, -1], history=History.of([[0, 3], [3]])))
    assert np.isfinite(block[0]).tolist() == [True, True, False, False]
    assert np.isnan(block[1]).all()


def test_reasons_add_up_to_the_score():
    data = small_log()
    model = Ease(reg=5.0).fit(data)
    request = requests_for(data).take(np.array([3]))
    reasons = model.explain(request, 11)
    assert set(reasons) == set(request.history.item.tolist())
    assert sum(reasons.values()) == pytest.approx(float(model.score_block(request)[0, 11]), rel=1e-5)
    assert model.explain(request, data.n_items) is None


def test_refuses_a_catalogue_that_would_not_fit():
    with pytest.raises(TooLarge, match="trails or rp3beta or als"):
        Ease(max_memory_gb=1e-6).fit(small_log(n_items=16))
