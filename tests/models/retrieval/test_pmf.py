"""PMF: predictions inside the scale, and what raw values mean."""

import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.models.retrieval.pmf import Pmf, _pass
from tests.models.test_ratings import rated, two_camps

CTX = FitContext(seed=3, threads=1)


def test_one_step_worked_out_by_hand():
    users, items = np.array([[1.0]], np.float32), np.array([[2.0]], np.float32)
    one = np.array([0], np.int64)
    _pass(one, one, one, np.array([1.0], np.float32), -2.0, users, items, 0.4, 0.1)
    # Raw value -2 + 2 = 0: a half of the scale, a gap of a half, a slope of a quarter.
    assert users == pytest.approx(np.array([[1.0 + 0.4 * (0.125 * 2.0 - 0.1)]]))
    assert items == pytest.approx(np.array([[2.0 + 0.4 * (0.125 - 0.2)]]))


def test_the_curve_keeps_every_prediction_inside_the_scale():
    seen, _ = two_camps()
    model = Pmf().fit(seen, CTX)
    raw = np.array([-1e6, -3.0, 0.0, 3.0, 1e6])
    stars = model.to_rating(raw)
    assert stars.min() >= 1.0
    assert stars.max() <= 5.0
    assert (np.diff(stars) > 0).all()
    assert stars[2] == pytest.approx(model.mean_)
    assert [model.to_raw(s) for s in stars[1:4]] == pytest.approx(raw[1:4])
    assert np.isfinite([model.to_raw(1.0), model.to_raw(5.0)]).all(), "the ends of the curve are at infinity"


def test_somebody_with_one_rating_stays_nearer_to_the_mean():
    rows = [(u, i, 1 + 4 * ((u + i) % 2)) for u in range(20) for i in range(20)] + [(20, 0, 5)]
    model = Pmf().fit(rated(rows), CTX)
    others = np.arange(1, 20)
    few = np.abs(model.predict_many(np.full(19, 20), others) - model.mean_).mean()
    many = np.abs(model.predict_many(np.full(19, 3), others) - model.mean_).mean()
    assert few < 0.9 * many
