"""Beyond accuracy: known answers on five items."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from shortlist.core.types import History
from shortlist.evaluation.metrics import Truth
from shortlist.evaluation.metrics.beyond import (
    calibration_js,
    calibration_kl,
    coverage,
    diversity,
    gini,
    novelty,
    one_hot,
    popularity,
    popularity_lift,
    serendipity,
)
from shortlist.evaluation.metrics.ranking import precision


def test_coverage_counts_items_shown_to_anybody():
    assert coverage(np.array([[0, 1], [1, -1]]), 4) == 0.5
    assert coverage(np.full((2, 2), -1), 4) == 0.0


def test_gini_from_equal_to_one_item_for_all():
    assert gini(np.array([[0, 1], [2, 3]]), 4) == 0.0
    assert gini(np.array([[2], [2], [2]]), 4) == pytest.approx(0.75)
    # Shown 0, 1, 3 times: (2*1-4)*0 + (2*2-4)*1 + (2*3-4)*3 over 3*4.
    assert gini(np.array([[1, 2], [2, 2]]), 3) == pytest.approx(6 / 12)
    assert math.isnan(gini(np.full((1, 2), -1), 3))


def test_diversity_of_categories_is_the_share_of_unlike_pairs():
    genres = one_hot(["a", "a", "b", "c"])
    assert_allclose(diversity(np.array([[0, 1, 2], [0, 2, 3], [0, 1, -1]]), genres), [2 / 3, 1.0, 0.0])


def test_diversity_by_cosine_of_vectors():
    vectors = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0], [0.0, 0.0]])
    half = 1 - 1 / math.sqrt(2)
    assert_allclose(diversity(np.array([[0, 1], [1, 2], [0, 2]]), vectors), [half, half, 1.0], atol=1e-12)
    # Nothing is known of item 3: it is unlike everything.
    assert_allclose(diversity(np.array([[0, 3]]), vectors), [1.0])


def test_diversity_needs_a_pair():
    assert np.isnan(diversity(np.array([[2, -1], [-1, -1]]), np.eye(3))).all()


def test_novelty_in_bits():
    users_of_item = np.array([8, 4, 1, 0])
    assert_allclose(novelty(np.array([[0, 1], [2, -1], [3, -1]]), users_of_item, 8), [0.5, 3.0, 3.0])


def test_popularity_and_its_lift():
    events = np.array([10, 2, 0])
    slates = np.array([[0, 1], [1, -1], [-1, -1]])
    assert_allclose(popularity(slates, events), [6.0, 2.0, np.nan])
    lift = popularity_lift(slates, History.of([[1, 1], [0], []]), events)
    assert_allclose(lift, [6 / 2 - 1, 2 / 10 - 1, np.nan])


def test_serendipity_is_relevant_and_unexpected():
    slates, truth = np.array([[1, 2, 3], [1, 2, 3]]), Truth.of([[1, 3], [2]])
    expected = np.array([[1, 9], [2, 1]])
    assert_allclose(serendipity(slates, truth, 3, expected), [1 / 3, 0.0])
    assert (serendipity(slates, truth, 3, expected) <= precision(slates, truth, 3)).all()


def test_calibration_of_taste():
    groups = one_hot(["a", "a", "b", "b"])
    history = History.of([[0, 1, 2], [0, 2], [0]])
    slates = np.array([[1, 0, 3], [1, 3, -1], [2, 3, -1]])
    # Users 0 and 1 get their own mix back; user 2 read only "a" and gets only "b".
    kl = calibration_kl(slates, history, groups)
    assert_allclose(kl, [0.0, 0.0, -math.log(0.01)], atol=1e-12)
    assert_allclose(calibration_js(slates, history, groups), [0.0, 0.0, 1.0], atol=1e-12)


def test_calibration_by_hand():
    groups = one_hot(["a", "b"])
    history, slates = History.of([[0, 0, 0, 1]]), np.array([[0, 1]])
    q = [0.99 * 0.5 + 0.01 * 0.75, 0.99 * 0.5 + 0.01 * 0.25]
    expected = 0.75 * math.log(0.75 / q[0]) + 0.25 * math.log(0.25 / q[1])
    assert calibration_kl(slates, history, groups)[0] == pytest.approx(expected)


def test_calibration_without_history_is_undefined():
    assert np.isnan(calibration_kl(np.array([[0]]), History.empty(1), one_hot(["a"]))).all()


def test_one_hot_shares_an_item_among_its_labels():
    assert one_hot([["x", "y"], "x", "", None]).toarray().tolist() == [[0.5, 0.5], [1, 0], [0, 0], [0, 0]]
