"""Drift of columns, by hand."""

import math

import numpy as np
import pytest

from shortlist.features.drift import drift, psi, same

NAN = float("nan")


def test_equal_to_a_millionth_and_unknown_equals_unknown():
    logged = np.array([1.0, 1e9, 0.0, NAN, NAN, 1.0])
    now = np.array([1.0 + 9e-7, 1e9 + 900.0, 2e-6, NAN, 1.0, NAN])
    assert same(logged, now).tolist() == [True, True, False, True, False, False]


def test_a_column_compared():
    found = drift("x", np.array([1.0, 2.0, NAN, 4.0]), np.array([1.0, 2.5, NAN, NAN]))
    assert (found.column, found.rows, found.equal, found.max_abs_diff) == ("x", 4, 0.5, 0.5)
    assert (found.logged_mean, found.now_mean) == (pytest.approx(7 / 3), pytest.approx(1.75))
    empty = drift("x", np.empty(0), np.empty(0))
    assert (empty.rows, empty.equal, empty.psi) == (0, 1.0, 0.0)
    assert math.isnan(empty.logged_mean)


def test_psi_by_hand():
    """Two bins of known values and one of unknown ones: shares 1/2, 1/4, 1/4 against 1/4, 1/2, 1/4."""
    expected = np.array([0.0, 0.0, 1.0, NAN] * 50)
    actual = np.array([0.0, 1.0, 1.0, NAN] * 50)
    assert psi(expected, actual) == pytest.approx(0.25 * math.log(2) * 2)


def test_psi_tells_noise_from_a_shift():
    rng = np.random.default_rng(0)
    base = rng.normal(size=5_000)
    assert psi(base, base) == 0.0
    assert psi(base, rng.normal(size=5_000)) < 0.02
    assert psi(base, rng.normal(1.0, size=5_000)) > 0.25
