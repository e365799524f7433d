import numpy as np

from shortlist.core.order import best_first, keep_best, rank_within


def test_orders_by_request_then_score_then_item_id():
    row = np.array([0, 0, 0, 1, 1])
    score = np.array([0.5, 0.9, 0.5, 0.1, 0.2])
    item = np.array([9, 3, 4, 1, 2])
    assert best_first(row, score, item).tolist() == [1, 2, 0, 4, 3]


def test_scores_that_are_not_finite_sink_below_every_number():
    score = np.array([np.nan, -1e300, np.inf, -np.inf])
    assert best_first(np.zeros(4, int), score, np.arange(4)).tolist() == [1, 0, 2, 3]


def test_keep_best_takes_one_limit_or_one_per_request():
    row = np.array([0, 0, 1, 1])
    score = np.array([1.0, 2.0, 3.0, 4.0])
    assert keep_best(row, score, np.arange(4), 1).tolist() == [1, 3]
    assert keep_best(row, score, np.arange(4), np.array([2, 0])).tolist() == [1, 0]


def test_rank_within_counts_from_zero_in_each_group():
    assert rank_within(np.array([3, 3, 5, 9, 9, 9])).tolist() == [0, 1, 0, 0, 1, 2]
    assert rank_within(np.array([], int)).tolist() == []
