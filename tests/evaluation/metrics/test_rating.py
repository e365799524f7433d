"""Errors of ratings with known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from shortlist.evaluation.metrics.classification import auc
from shortlist.evaluation.metrics.rating import mae, rmse, xauc


def test_by_hand():
    rating, predicted = np.array([4.0, 3.0, 5.0]), np.array([3.0, 3.0, 3.0])
    assert rmse(rating, predicted) == pytest.approx(math.sqrt(5 / 3))
    assert mae(rating, predicted) == pytest.approx(1.0)


def test_rows_the_model_cannot_predict_are_left_out():
    assert rmse(np.array([4.0, 1.0]), np.array([2.0, np.nan])) == 2.0
    assert mae(np.array([4.0, 1.0]), np.array([2.0, np.nan])) == 2.0
    assert math.isnan(rmse(np.empty(0), np.empty(0)))


def test_order_of_amounts_by_hand():
    """Of 5 pairs with different amounts 3 stand right, 1 wrong, 1 is undecided; the tied amounts are no pair."""
    value, predicted = np.array([10.0, 30.0, 30.0, 60.0]), np.array([2.0, 5.0, 1.0, 5.0])
    assert xauc(value, predicted) == pytest.approx((3 + 0.5) / 5)
    assert xauc(value, -predicted) == pytest.approx((1 + 0.5) / 5)
    assert xauc(value, np.ones(4)) == 0.5
    assert xauc(value, np.array([np.nan, 1, 2, 3])) == 1.0
    assert math.isnan(xauc(np.ones(4), predicted))


def test_order_of_amounts_counts_every_pair_and_is_auc_for_clicks():
    rng = np.random.default_rng(0)
    value, predicted = rng.integers(0, 9, 300).astype(float), rng.integers(0, 30, 300) / 30
    gap, told = value[:, None] - value, predicted[:, None] - predicted
    pairs = np.triu(gap != 0, 1)
    right = (np.sign(gap) == np.sign(told)) + 0.5 * (told == 0)
    assert xauc(value, predicted) == pytest.approx(right[pairs].mean(), abs=1e-12)
    clicked = value > 4
    assert xauc(clicked.astype(float), predicted) == pytest.approx(auc(clicked, predicted), abs=1e-12)
