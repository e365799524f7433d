import math

import numpy as np
import pytest

from shortlist.core.bm25 import rarity, saturated


def test_one_occurrence_in_a_text_of_mean_length_is_worth_one():
    assert saturated(1, 7.0, 7.0, k1=1.2, b=0.75) == pytest.approx(1.0)
    assert saturated(0, 7.0, 7.0) == 0.0


def test_counts_saturate_and_long_texts_are_held_back():
    by_count = saturated(np.array([1.0, 2.0, 3.0, 1e9]), 5.0, 5.0, k1=2.0)
    assert (np.diff(by_count) > 0).all()
    assert by_count[2] - by_count[1] < by_count[1] - by_count[0]
    assert by_count[3] == pytest.approx(3.0), "k1 + 1 is the bound"
    assert saturated(2, 10.0, 5.0) < saturated(2, 5.0, 5.0)
    assert saturated(2, 10.0, 5.0, b=0.0) == saturated(2, 5.0, 5.0, b=0.0)
    assert saturated(9, 5.0, 5.0, k1=0.0) == 1.0


def test_rare_words_say_more_and_none_says_less_than_nothing():
    assert rarity(3, 1) == pytest.approx(math.log(1 + 2.5 / 1.5))
    found = rarity(10, np.arange(11))
    assert (np.diff(found) < 0).all()
    assert (found > 0).all()
