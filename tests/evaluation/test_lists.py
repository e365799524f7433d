"""Two ways to the same lists: as a model retrieves them, and cut out of whole blocks of scores."""

import numpy as np
import pytest

from shortlist.core.types import History, Requests
from shortlist.evaluation.lists import Rules, _by_blocks, rank_catalogue
from shortlist.evaluation.metrics import Truth
from shortlist.models.base import CatalogueModel


class Scores(CatalogueModel):
    """Scores from a table, by user."""

    def __init__(self, table):
        super().__init__()
        self.table, self.n_items_ = table, table.shape[1]

    def score_block(self, requests):
        return self.table[requests.user]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ties", ["pessimistic", "served"])
@pytest.mark.parametrize("filter_seen", [True, False])
def test_retrieved_lists_are_those_of_blocks(seed, ties, filter_seen):
    rng = np.random.default_rng(seed)
    n, m = 60, 40
    levels = (2, 5, 30, 10**6)[seed % 4]
    table = rng.integers(0, levels, (n, m)) / levels + (1e-12 * rng.random((n, m)) if seed > 3 else 0.0)
    table[rng.random((n, m)) < 0.2] = np.nan
    table[:3] = np.nan
    histories = History.of([rng.integers(-1, m + 2, rng.integers(0, 50)).tolist() for _ in range(n)])
    requests = Requests.of(range(n), history=histories)
    truth = Truth.of([dict.fromkeys(rng.integers(0, m + 2, rng.integers(0, 6)).tolist(), 1.0) for _ in range(n)])
    rules = Rules(7, filter_seen, ties)
    # The catalogue has grown since the model was fitted.
    found = rank_catalogue(Scores(table), requests, truth, rules, n_items=m + 1)
    expected = _by_blocks(Scores(table), requests, truth, rules, m + 1)
    np.testing.assert_array_equal(found.slates, expected.slates)
    np.testing.assert_array_equal(found.n_candidates, expected.n_candidates)
    np.testing.assert_array_equal(found.n_relevant, expected.n_relevant)
