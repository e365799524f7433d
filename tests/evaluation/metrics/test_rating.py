"""Errors of ratings with known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from shortlist.evaluation.metrics.rating import mae, rmse


def test_by_hand():
    rating, predicted = np.array([4.0, 3.0, 5.0]), np.array([3.0, 3.0, 3.0])
    assert rmse(rating, predicted) == pytest.approx(math.sqrt(5 / 3))
    assert mae(rating, predicted) == pytest.approx(1.0)


def test_rows_the_model_cannot_predict_are_left_out():
    assert rmse(np.array([4.0, 1.0]), np.array([2.0, np.nan])) == 2.0
    assert mae(np.array([4.0, 1.0]), np.array([2.0, np.nan])) == 2.0
    assert math.isnan(rmse(np.empty(0), np.empty(0)))
