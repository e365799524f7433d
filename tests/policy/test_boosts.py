"""Boosts."""

import numpy as np
import pytest

from shortlist.policy.boosts import boosted, is_fresh


def test_a_boost_moves_up_whatever_the_sign():
    assert boosted(np.array([1.0, 0.0, -1.2]), 1.2) == pytest.approx([1.2, 0.0, -1.0])


def test_fresh_is_younger_than_the_limit_and_not_from_the_future():
    now = np.full(5, 100.0)
    published = np.array([100.0, 50.5, 50.0, 101.0, np.nan])
    assert is_fresh(published, now, 50.0).tolist() == [True, True, False, False, False]
