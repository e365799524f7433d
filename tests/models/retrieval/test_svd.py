"""SVD of ratings: its step, and that biases and vectors find what they are for."""

import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.models.retrieval.svd import Svd, _pass
from tests.models.test_ratings import rated

CTX = FitContext(seed=3, threads=1)


def test_one_step_worked_out_by_hand():
    users, items = np.array([[0.5, -1.0]], np.float32), np.array([[2.0, 1.0]], np.float32)
    user_bias, item_bias = np.array([0.1], np.float32), np.array([-0.2], np.float32)
    one, value = np.array([0], np.int64), np.array([1.0], np.float32)
    _pass(one, one, one, value, user_bias, item_bias, users, items, 0.1, 0.5, True)
    # Product 0, biases -0.1: the error is 1.1.
    assert user_bias == pytest.approx(0.1 + 0.1 * (1.1 - 0.05))
    assert item_bias == pytest.approx(-0.2 + 0.1 * (1.1 + 0.1))
    assert users == pytest.approx(np.array([[0.5 + 0.1 * (2.2 - 0.25), -1.0 + 0.1 * (1.1 + 0.5)]]))
    assert items == pytest.approx(np.array([[2.0 + 0.1 * (0.55 - 1.0), 1.0 + 0.1 * (-1.1 - 0.5)]]))


def test_a_world_of_levels_is_left_to_the_biases():
    level_of_user, level_of_item = np.linspace(-1, 1, 20), np.linspace(-1.5, 1.5, 15)
    rows = [(u, i, 3 + level_of_user[u] + level_of_item[i]) for u in range(20) for i in range(15) if (u + i) % 4]
    model = Svd(factors=2, epochs=300, reg=0.001).fit(rated(rows), CTX)
    left_out = [(u, i) for u in range(20) for i in range(15) if not (u + i) % 4]
    user, item = np.array(left_out).T
    truth = np.clip(3 + level_of_user[user] + level_of_item[item], model.low_, model.high_)
    assert np.abs(model.predict_many(user, item) - truth).max() < 0.25


def test_without_biases_only_vectors_are_learned():
    rows = [(u, i, 1 + (u + i) % 5) for u in range(8) for i in range(8)]
    model = Svd(biased=False).fit(rated(rows), CTX)
    assert not model.user_bias_.any()
    assert not model.item_bias_.any()
    assert model.user_factors_.any()
