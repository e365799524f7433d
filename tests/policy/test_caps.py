"""Caps per group."""

import numpy as np

from shortlist.policy.caps import surplus_last, within_cap


def test_the_first_of_each_group_stay():
    assert within_cap(["a", "a", "b", "a", "b", "b"], 2) == [True, True, True, False, True, False]


def test_rows_without_a_group_are_not_counted():
    assert within_cap([None, None, None], 1) == [True, True, True]


def test_surplus_moves_to_the_end_in_its_order():
    assert surplus_last(np.array([7, 8, 9, 10]), [True, False, True, False]) == [7, 9, 8, 10]
