"""Maximal marginal relevance on lists that can be worked out by hand."""

import numpy as np
import pytest

from shortlist.policy.mmr import mmr, unit_range
from shortlist.testing.worlds import greedy_is_wrong

# The five candidates A to E of the textbook example. Its text fixes the picks and the values at which B and E win
# (.57 and .405); these numbers are one table that gives them.
RELEVANCE = np.array([0.95, 0.90, 0.85, 0.80, 0.75])
ALIKE = np.array(
    [
        [1.0, 0.2, 0.9, 0.8, 0.3],
        [0.2, 1.0, 0.3, 0.7, 0.4],
        [0.9, 0.3, 1.0, 0.6, 0.2],
        [0.8, 0.7, 0.6, 1.0, 0.1],
        [0.3, 0.4, 0.2, 0.1, 1.0],
    ]
)


def values(picked, lam=0.7):
    return lam * RELEVANCE - (1 - lam) * ALIKE[picked].max(axis=0)


def test_the_worked_example_picks_a_b_e():
    assert mmr(RELEVANCE, ALIKE, 3, lam=0.7).tolist() == [0, 1, 4]
    assert values([0])[1] == pytest.approx(0.57)
    assert values([0, 1])[4] == pytest.approx(0.405)


def test_relevance_alone_is_the_input_order():
    assert mmr(RELEVANCE, ALIKE, 5, lam=1.0).tolist() == [0, 1, 2, 3, 4]


def test_a_twin_of_the_best_row_does_not_come_second():
    table, vectors, right = greedy_is_wrong()
    alike = (vectors @ vectors.T).astype(np.float64)
    assert mmr(unit_range(table.cols["score"]), alike, 2, lam=0.7).tolist() == right


def test_with_a_window_a_topic_may_come_back():
    alike = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    relevance = np.array([1.0, 0.2, 0.9])
    # Against all picks the twin of the first costs .5; within the last pick alone it costs nothing.
    assert mmr(relevance, alike, 3, lam=0.5, window=1).tolist() == [0, 1, 2]
    four = np.array([1.0, 0.2, 0.9, 0.45])
    wide = np.block([[alike, np.zeros((3, 1))], [np.zeros((1, 3)), np.eye(1)]])
    assert mmr(four, wide, 4, lam=0.5).tolist() == [0, 3, 1, 2]
    assert mmr(four, wide, 4, lam=0.5, window=1).tolist() == [0, 3, 2, 1]


def test_more_diversity_never_makes_the_list_more_alike():
    rng = np.random.default_rng(0)
    vectors = rng.random((30, 4))
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    alike = vectors @ vectors.T
    relevance = np.sort(rng.random(30))[::-1]

    def mean_alike(lam):
        picked = mmr(relevance, alike, 8, lam=lam)
        return alike[np.ix_(picked, picked)].mean()

    assert mean_alike(0.2) < mean_alike(0.7) < mean_alike(1.0)


def test_short_lists_and_scores_that_are_not_finite():
    assert mmr(np.empty(0), np.empty((0, 0)), 5).tolist() == []
    assert mmr(RELEVANCE, ALIKE, 0).tolist() == []
    assert sorted(mmr(RELEVANCE, ALIKE, 50).tolist()) == [0, 1, 2, 3, 4]
    assert mmr(np.array([np.nan, 0.1]), np.eye(2), 2).tolist() == [1, 0]


def test_unit_range():
    assert unit_range(np.array([-2.0, 0.0, 2.0])).tolist() == [0.0, 0.5, 1.0]
    assert unit_range(np.array([3.0, 3.0])).tolist() == [1.0, 1.0]
    assert np.isnan(unit_range(np.array([np.nan, 1.0, np.inf]))).tolist() == [True, False, True]
