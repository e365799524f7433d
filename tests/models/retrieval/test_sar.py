import numpy as np
import pytest

from shortlist.core.types import History, Requests
from shortlist.models.retrieval.sar import Sar
from shortlist.testing.worlds import checkerboard, dataset_of, requests_for

# Item 0: users 0, 1, 3; item 1: users 0, 1; item 2: users 2, 3. User 0 came back to item 0.
EVENTS = [(0, 0, 1), (0, 0, 9), (1, 0, 2), (3, 0, 3), (0, 1, 4), (1, 1, 5), (2, 2, 6), (3, 2, 7)]


def data():
    return dataset_of(EVENTS, n_users=4, n_items=4)


@pytest.mark.parametrize(
    ("similarity", "near", "far"),
    [
        ("cooccurrence", 2, 1),
        ("jaccard", 2 / 3, 1 / 4),
        ("lift", 2 * 4 / (3 * 2), 1 * 4 / (3 * 2)),
        ("cosine", 2 / 6**0.5, 1 / 6**0.5),
    ],
)
def test_links_by_hand(similarity, near, far):
    links = Sar(similarity=similarity).fit(data()).links_.toarray()
    expected = np.zeros((4, 4))
    expected[0, 1] = expected[1, 0] = near
    expected[0, 2] = expected[2, 0] = far
    np.testing.assert_allclose(links, expected)


def test_affinity_halves_with_age_and_repeats_add_up():
    model = Sar(similarity="cooccurrence", half_life_s=10).fit(data())
    # Item 1 at the end, item 2 one half-life before, item 1 again two half-lives before.
    ask = Requests.of([-1], now=1e9, history=History.of([[1, 2, 1]], [[100, 110, 120]]))
    assert model.score_block(ask)[0, 0] == pytest.approx((1 + 0.25) * 2 + 0.5 * 1)
    assert model.explain(ask, 0) == pytest.approx({1: 2.5, 2: 0.5})
    timeless = Sar(similarity="cooccurrence", half_life_s=None).fit(data())
    assert timeless.score_block(ask)[0, 0] == pytest.approx(2 * 2 + 1)


def test_very_old_histories_do_not_vanish():
    model = Sar(half_life_s=1).fit(data())
    ask = Requests.of([-1], now=2e9, history=History.of([[1]], [[0.0]]))
    assert model.score_block(ask)[0, 0] == pytest.approx(2 / 3)


def test_thin_evidence_and_the_number_of_links_are_bounded():
    links = Sar(min_common=2).fit(data()).links_.toarray()
    assert np.argwhere(links).tolist() == [[0, 1], [1, 0]]
    assert np.bincount(Sar(neighbours=1).fit(data()).links_.indices).max() == 1
    assert Sar(max_events=2).fit(data()).links_[[0], [1]][0] == pytest.approx(2 / 3)


def test_withheld_square_of_the_checkerboard_comes_first():
    world = checkerboard()
    block = Sar().fit(world.data, world.ctx).score_block(world.requests)
    block[world.requests.history.row, world.requests.history.item] = np.nan
    assert np.nanargmax(block, axis=1).tolist() == world.answer


def test_one_item_links_to_nothing():
    one = dataset_of([(0, 0, 1.0), (1, 0, 2.0)], n_users=2, n_items=1)
    assert len(Sar().fit(one).retrieve(requests_for(one), 5)) == 0
