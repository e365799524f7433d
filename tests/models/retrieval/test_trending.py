import numpy as np
import pytest

from shortlist.core.types import Requests
from shortlist.models.retrieval.trending import Trending
from shortlist.testing.worlds import START, dataset_of

HOUR = 3600.0
# Item 3 at the end; 0, 1 and 2 one, two and three half-lives earlier.
DATA = dataset_of([(0, 2, START - 3 * HOUR), (0, 1, START - 2 * HOUR), (0, 0, START - HOUR), (0, 3, START)],
                  n_users=1, n_items=5)  # fmt: skip


def test_weight_halves_with_every_half_life():
    model = Trending(half_life_s=HOUR).fit(DATA)
    np.testing.assert_allclose(model.score_block(Requests.of([-1]))[0], [0.5, 0.25, 0.125, 1.0, np.nan])


def test_read_now_sees_nothing_at_or_after_it():
    model = Trending(half_life_s=HOUR, reference="now").fit(DATA)
    block = model.score_block(Requests.of([-1] * 3, now=np.array([START + HOUR, START, START - 4 * HOUR])))
    nan = np.nan
    np.testing.assert_allclose(
        block, [[0.25, 0.125, 0.0625, 0.5, nan], [0.5, 0.25, 0.125, nan, nan], [nan] * 5], rtol=1e-12
    )
    cut = Trending(half_life_s=HOUR, reference="now").fit(DATA.before(START))
    now = Requests.of([-1], now=START)
    assert model.retrieve(now, 5).item.tolist() == cut.retrieve(now, 5).item.tolist() == [0, 1, 2]


def test_a_long_half_life_counts_and_a_short_one_takes_the_latest():
    data = dataset_of([(0, 0, START), (1, 0, START + 1), (2, 1, START + 9 * HOUR)], n_users=3, n_items=2)
    best = [Trending(half_life_s=h).fit(data).retrieve(Requests.of([-1]), 1).item[0] for h in (1e9, HOUR)]
    assert best == [0, 1]


def test_events_too_old_to_weigh_anything_are_no_evidence():
    data = dataset_of([(0, 0, 0.0), (0, 1, START)], n_users=1, n_items=2)
    assert Trending(half_life_s=1.0).fit(data).retrieve(Requests.of([0]), 5).item.tolist() == [1]


def test_half_life_must_be_positive():
    from shortlist.core.errors import BadConfig

    with pytest.raises(BadConfig, match="half_life_s"):
        Trending(half_life_s=0)
