"""The closed form of a random list against brute force over all lists."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from shortlist.evaluation.chance import expected_at_random
from shortlist.evaluation.metrics import Truth
from shortlist.evaluation.metrics import ranking as r

METRICS = {
    "recall": r.recall,
    "hit_rate": r.hit_rate,
    "precision": r.precision,
    "ndcg": r.ndcg,
    "map": r.average_precision,
    "mrr": r.reciprocal_rank,
}


@pytest.mark.parametrize(("n", "relevant", "k"), [(5, [0], 3), (6, [0, 1], 3), (5, [0, 1, 2, 3], 2), (3, [0, 2], 5)])
@pytest.mark.parametrize("name", METRICS)
def test_equals_the_mean_over_all_lists(name, n, relevant, k):
    slates = np.array(list(permutations(range(n), min(k, n))))
    brute = METRICS[name](slates, Truth.of([relevant] * len(slates)), k).mean()
    assert expected_at_random(np.array([n]), np.array([len(relevant)]), k)[name][0] == pytest.approx(brute)


def test_nothing_relevant_is_undefined():
    assert np.isnan(expected_at_random(np.array([5]), np.array([0]), 3)["recall"]).all()
