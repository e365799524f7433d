"""FunkSVD: damped means, factors in turn, and that a later factor leaves the earlier ones alone."""

import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.models.retrieval.funk_svd import FunkSvd, _damped_mean, _pass
from tests.models.test_ratings import rated, two_camps

CTX = FitContext(seed=3, threads=1)


def test_more_factors_extend_the_same_beginning():
    seen, _ = two_camps()
    few, many = (FunkSvd(factors=d).fit(seen, CTX) for d in (2, 5))
    assert many.item_factors_[:, :2].tobytes() == few.item_factors_.tobytes()
    assert many.user_factors_[:, :2].tobytes() == few.user_factors_.tobytes()


def test_means_are_damped():
    index, value = np.array([0, 0, 2]), np.array([2.0, 4.0, 6.0])
    assert _damped_mean(index, value, 3, 1.0).tolist() == [2.0, 0.0, 3.0]
    assert _damped_mean(index, value, 3, 0.0).tolist() == [3.0, 0.0, 6.0]


def test_one_step_worked_out_by_hand():
    x, y, one = np.array([1.0], np.float32), np.array([2.0], np.float32), np.array([0], np.int64)
    _pass(one, one, one, np.array([3.0], np.float32), x, y, 0.1, 0.5)
    # The rest is 3, the factor says 2: an error of 1.
    assert (x[0], y[0]) == pytest.approx((1.0 + 0.1 * (2.0 - 0.5), 2.0 + 0.1 * (1.0 - 1.0)))


def test_the_first_factor_explains_most():
    rng = np.random.default_rng(0)
    strong, weak = (np.outer(rng.choice([-1, 1], 30), rng.choice([-1, 1], 25)) for _ in range(2))
    table = 3 + 1.5 * strong + 0.5 * weak
    rows = [(u, i, table[u, i]) for u in range(30) for i in range(25)]
    model = FunkSvd(factors=3, epochs=200, reg=0.01).fit(rated(rows), CTX)
    size = np.linalg.norm(model.user_factors_, axis=0) * np.linalg.norm(model.item_factors_, axis=0)
    assert size[0] > 2 * size[1] > 4 * size[2]
