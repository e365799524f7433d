"""Lists with known answers, worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from shortlist.core.errors import BadConfig
from shortlist.evaluation.metrics import Truth, match_slates
from shortlist.evaluation.metrics.ranking import (
    average_precision,
    hit_rate,
    ndcg,
    ndcg_graded,
    precision,
    recall,
    reciprocal_rank,
)

EVERY = [recall, hit_rate, precision, ndcg, ndcg_graded, average_precision, reciprocal_rank]


@pytest.fixture
def toy():
    """Three users: hit at position 1, hit at position 3, miss."""
    return np.array([[7, 1, 5], [4, 8, 3], [2, 6, 0]]), Truth.of([7, 3, 9])


@pytest.fixture
def several():
    """One user with relevant items 1, 2, 3 (grades 3, 1, 2), shown 3, 9, 1, 8."""
    return np.array([[3, 9, 1, 8]]), Truth.of([{1: 3.0, 2: 1.0, 3: 2.0}])


def test_toy_of_three_users(toy):
    assert recall(*toy, 3).mean() == pytest.approx(2 / 3)
    assert ndcg(*toy, 3).mean() == pytest.approx(0.5)
    assert average_precision(*toy, 3).mean() == pytest.approx(4 / 9)
    assert reciprocal_rank(*toy, 3).tolist() == pytest.approx([1.0, 1 / 3, 0.0])
    assert hit_rate(*toy, 3).tolist() == [1.0, 1.0, 0.0]
    assert precision(*toy, 3).tolist() == pytest.approx([1 / 3, 1 / 3, 0.0])


def test_discount_of_the_first_two_positions():
    truth = Truth.of([5, 5])
    assert_allclose(ndcg(np.array([[5, 1], [1, 5]]), truth, 2), [1.0, 1 / math.log2(3)])


def test_several_relevant_items(several):
    assert recall(*several, 4)[0] == pytest.approx(2 / 3)
    assert precision(*several, 4)[0] == pytest.approx(2 / 4)
    assert average_precision(*several, 4)[0] == pytest.approx((1 + 2 / 3) / 3)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert ndcg(*several, 4)[0] == pytest.approx((1 + 1 / 2) / ideal)


def test_graded_gain_is_two_to_the_grade_minus_one(several):
    ideal = 7 + 3 / math.log2(3) + 1 / 2
    assert ndcg_graded(*several, 4)[0] == pytest.approx((3 + 7 / 2) / ideal)
    # Cut at 1 the best list would show the grade 3 item.
    assert ndcg_graded(*several, 1)[0] == pytest.approx(3 / 7)


def test_graded_equals_binary_when_all_grades_are_one(toy):
    assert_allclose(ndcg_graded(*toy, 3), ndcg(*toy, 3))


def test_average_precision_is_over_the_positions_that_exist():
    # Five relevant items, two positions, both hit: a perfect list scores 1, not 2/5.
    assert average_precision(np.array([[1, 2]]), Truth.of([[1, 2, 3, 4, 5]]), 2)[0] == 1.0


def test_grade_zero_is_judged_but_not_relevant():
    slates, truth = np.array([[4, 5]]), Truth.of([{4: 0.0, 5: 1.0}])
    assert recall(slates, truth, 2)[0] == 1.0
    assert reciprocal_rank(slates, truth, 2)[0] == 0.5


@pytest.mark.parametrize("metric", EVERY)
def test_user_without_relevant_items_is_undefined(metric):
    assert np.isnan(metric(np.array([[1, 2]]), Truth.of([[]]), 2)).all()


@pytest.mark.parametrize("metric", EVERY)
def test_empty_slate_scores_zero(metric):
    assert metric(np.full((1, 3), -1), Truth.of([2]), 3)[0] == 0.0


@pytest.mark.parametrize("metric", EVERY)
def test_perfect_list_scores_one(metric):
    truth = Truth.of([{2: 2.0, 4: 1.0}])
    assert metric(np.array([[2, 4]]), truth, 2)[0] == pytest.approx(1.0)


@pytest.mark.parametrize("metric", EVERY)
def test_repeated_item_counts_once(metric):
    truth = Truth.of([[3, 4]])
    assert metric(np.array([[3, 3, 3]]), truth, 3)[0] == metric(np.array([[3, 1, 2]]), truth, 3)[0]


@pytest.mark.parametrize("metric", EVERY)
def test_precomputed_match_changes_nothing(metric, several):
    assert_allclose(metric(*several, 3, grades=match_slates(*several)), metric(*several, 3))


def test_cut_longer_than_the_slate_pads_with_misses(toy):
    assert precision(*toy, 6).tolist() == pytest.approx([1 / 6, 1 / 6, 0.0])


def test_unknown_relevant_item_cannot_be_hit_by_the_neighbouring_user():
    # User 1's item is not in the catalogue (-1); user 0 is shown the largest item of all.
    assert match_slates(np.array([[9], [9]]), Truth.of([1, -1])).tolist() == [[0.0], [0.0]]
    assert recall(np.array([[9], [9]]), Truth.of([1, -1]), 1).tolist() == [0.0, 0.0]


def test_truth_merges_repeats_and_keeps_the_highest_grade():
    truth = Truth.build(np.array([5, 2, 5]), np.array([0, 3]), np.array([1.0, 4.0, 3.0]))
    assert truth.item.tolist() == [2, 5]
    assert truth.value.tolist() == [4.0, 3.0]


def test_truth_take_reorders_users():
    truth = Truth.of([[1, 2], [], [3]]).take(np.array([2, 0]))
    assert truth.item.tolist() == [3, 1, 2]
    assert truth.offsets.tolist() == [0, 1, 3]


def test_refuses_impossible_arguments(toy):
    with pytest.raises(BadConfig, match="k >= 1"):
        recall(*toy, 0)
    with pytest.raises(BadConfig, match="one slate per test request"):
        recall(toy[0][:2], toy[1], 3)
