"""Clicks with known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from shortlist.core.errors import BadConfig
from shortlist.evaluation.metrics.classification import (
    auc,
    auc_by_chance,
    brier,
    calibration_error,
    gauc,
    log_loss,
    normalised_entropy,
    reliability,
)


def test_auc_counts_pairs():
    # Positives .9 and .4 against negatives .5, .1: three of four pairs won.
    assert auc(np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.5, 0.1])) == 0.75


def test_auc_of_a_constant_is_a_half():
    assert auc(np.array([1, 0, 0, 1, 0]), np.zeros(5)) == 0.5


def test_auc_counts_a_tied_pair_as_half():
    assert auc(np.array([1, 0, 0]), np.array([0.5, 0.5, 0.1])) == 0.75


def test_auc_with_one_class_is_undefined():
    assert math.isnan(auc(np.ones(3), np.arange(3.0)))
    assert math.isnan(auc(np.empty(0), np.empty(0)))


def test_refusing_to_score_ranks_lowest():
    assert auc(np.array([1, 0]), np.array([np.nan, -5.0])) == 0.0


def test_auc_agrees_with_an_independent_implementation():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(3)
    label, score = rng.integers(0, 2, 500), rng.integers(0, 20, 500) / 20
    assert auc(label, score) == pytest.approx(roc_auc_score(label, score), abs=1e-12)


def test_shuffled_labels_stay_in_the_band_of_chance():
    rng = np.random.default_rng(0)
    low, high = auc_by_chance(5000, 5000)
    assert high - 0.5 == pytest.approx(0.0173, abs=1e-4)
    label = np.repeat([0, 1], 5000)
    for _ in range(20):
        assert low < auc(rng.permutation(label), rng.normal(size=10_000)) < high


def test_gauc_by_hand():
    # Group 1: AUC 1 on two rows; group 2: AUC .5 on four; group 3 has no negative and is left out.
    label = np.array([1, 0, 1, 0, 0, 1, 1])
    score = np.array([0.9, 0.1, 0.4, 0.5, 0.3, 0.3, 0.2])
    group = np.array([1, 1, 2, 2, 2, 2, 3])
    # Group 2: .4 beats .3 and loses to .5; .3 ties .3 and loses to .5: (1 + .5) / 4.
    assert gauc(label, score, group, weight="plain") == pytest.approx((1 + 0.375) / 2)
    assert gauc(label, score, group) == pytest.approx((2 * 1 + 4 * 0.375) / 6)


def test_gauc_forgives_a_bias_per_group_that_auc_does_not():
    label, group = np.array([1, 0, 1, 0]), np.array([0, 0, 1, 1])
    score = np.array([0.2, 0.1, 0.9, 0.8])
    assert gauc(label, score, group) == 1.0
    assert auc(label, score) == 0.75


def test_gauc_needs_a_group_with_both_classes():
    assert math.isnan(gauc(np.array([1, 0]), np.array([0.2, 0.1]), np.array([0, 1])))
    with pytest.raises(BadConfig, match="plain"):
        gauc(np.array([1]), np.array([1.0]), np.array([0]), weight="rows")


def test_log_loss_by_hand():
    assert log_loss(np.array([1, 0]), np.array([0.8, 0.4])) == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)
    assert log_loss(np.array([1]), np.array([0.0])) == pytest.approx(27.631, abs=1e-3)


def test_log_loss_refuses_what_is_no_probability():
    with pytest.raises(BadConfig):
        log_loss(np.array([1]), np.array([1.5]))
    with pytest.raises(BadConfig):
        log_loss(np.array([1]), np.array([np.nan]))


def test_normalised_entropy_of_the_base_rate_is_one():
    label = np.array([1, 0, 0, 0])
    assert normalised_entropy(label, np.full(4, 0.25)) == pytest.approx(1.0)
    assert normalised_entropy(label, np.array([0.7, 0.1, 0.1, 0.1])) < 1.0
    assert math.isnan(normalised_entropy(np.ones(3), np.full(3, 0.5)))


def test_calibration_error_by_hand():
    # Predictions .2 (observed 1/4) and .8 (observed 2/4): gaps .05 and .30, equal sizes.
    label = np.array([1, 0, 0, 0, 1, 1, 0, 0])
    p = np.array([0.2] * 4 + [0.8] * 4)
    assert calibration_error(label, p, bins=2) == pytest.approx((0.05 + 0.30) / 2)


def test_calibration_error_of_honest_predictions_is_small():
    rng = np.random.default_rng(1)
    p = rng.random(20_000)
    assert calibration_error(rng.random(20_000) < p, p) < 0.02


def test_brier_by_hand():
    assert brier(np.array([1, 0]), np.array([0.8, 0.4])) == pytest.approx((0.04 + 0.16) / 2)
    label = np.array([1, 0, 0, 0])
    assert brier(label, np.full(4, 0.25)) == pytest.approx(0.25 * 0.75), "the base rate costs r(1 - r)"
    assert math.isnan(brier(np.empty(0), np.empty(0)))


def test_reliability_by_hand():
    # Predictions .2 (observed 1/4) and .8 (observed 2/4); Wilson's interval of 1 in 4 is .0456 to .6994.
    label = np.array([1, 0, 0, 0, 1, 1, 0, 0])
    curve = reliability(label, np.array([0.2] * 4 + [0.8] * 4), bins=2)
    assert curve.predicted.tolist() == pytest.approx([0.2, 0.8])
    assert curve.observed.tolist() == [0.25, 0.5]
    assert curve.rows.tolist() == [4, 4]
    assert (curve.low[0], curve.high[0]) == pytest.approx((0.0456, 0.6994), abs=1e-4)
    assert reliability(np.empty(0), np.empty(0)).to_dict()["rows"] == []


def test_reliability_is_what_the_calibration_error_averages():
    rng = np.random.default_rng(2)
    p = rng.random(5000)
    label = rng.random(5000) < p**2
    curve = reliability(label, p)
    gaps = np.abs(curve.predicted - curve.observed)
    assert np.average(gaps, weights=curve.rows) == pytest.approx(calibration_error(label, p))
    assert ((curve.low < curve.observed) & (curve.observed < curve.high)).all()
