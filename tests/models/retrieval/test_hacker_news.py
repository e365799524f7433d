import numpy as np
import pytest

from shortlist.core.types import Requests
from shortlist.models.retrieval.hacker_news import HackerNews
from shortlist.testing.worlds import START, dataset_of

HOUR = 3600.0


def log(*votes):
    """Events (item, hours after the start)."""
    return dataset_of([(u, i, START + h * HOUR) for u, (i, h) in enumerate(votes)], n_users=len(votes), n_items=4)


def test_formula_by_hand():
    # Item 0: three votes since 8 hours; item 1: one vote; item 2: two votes since 2 hours; item 3: none.
    data = log((0, 0), (0, 1), (1, 5), (2, 6), (2, 7), (0, 8))
    found = HackerNews().fit(data).score_block(Requests.of([-1]))[0]
    np.testing.assert_allclose(found, [2**0.8 / 10**1.8, 0.0, 1 / 4**1.8, np.nan])


def test_gravity_zero_ranks_by_votes_and_high_gravity_by_youth():
    data = log((0, 0), (0, 1), (0, 2), (2, 30), (2, 31))
    best = [HackerNews(gravity=g).fit(data).retrieve(Requests.of([-1]), 1).item[0] for g in (0.0, 1.8)]
    assert best == [0, 2]


def test_read_now_ages_and_forgets_the_future():
    data = log((0, 0), (0, 1), (2, 5), (2, 6))
    model = HackerNews(reference="now").fit(data)
    block = model.score_block(Requests.of([-1] * 2, now=np.array([START + 2 * HOUR, START + 100 * HOUR])))
    assert block[0, 0] == pytest.approx(1 / 4**1.8)
    assert np.isnan(block[0, 2])
    assert block[1, 2] == pytest.approx(1 / 97**1.8)
