import numpy as np
import pytest

from shortlist.core.types import History, Requests
from shortlist.models.retrieval.item2vec import Item2Vec
from shortlist.testing.worlds import DAY, checkerboard, dataset_of, requests_for

FAST = {"factors": 16, "epochs": 30, "window": 10, "learning_rate": 0.1}


def test_items_of_one_colour_lie_together():
    world = checkerboard()
    model = Item2Vec(**FAST).fit(world.data, world.ctx)
    alike = model.item_factors_ @ model.item_factors_.T
    colour = np.arange(20) % 2
    same = colour[:, None] == colour
    assert alike[same].min() > alike[~same].max()
    np.testing.assert_allclose(np.linalg.norm(model.item_factors_, axis=1), 1.0, atol=1e-5)


def test_a_list_holds_items_of_the_users_colour():
    world = checkerboard()
    model = Item2Vec(**FAST).fit(world.data, world.ctx)
    hits = model.retrieve(world.requests, 10)
    assert (hits.item % 2 == hits.row % 2).all()


def test_only_items_of_one_session_are_neighbours():
    # Everybody has items 0 and 1 in the morning and items 2 and 3 in the evening, a day later.
    events = [(u, i, u * 9 * DAY + (i >= 2) * DAY + i) for u in range(30) for i in range(4)]
    data = dataset_of(events, n_users=30, n_items=4)
    cut = Item2Vec(session_gap_s=3600, **FAST).fit(data).item_factors_
    assert cut[0] @ cut[1] > cut[0] @ cut[2] + 0.5
    whole = Item2Vec(**FAST).fit(data).item_factors_
    assert whole[0] @ whole[2] > cut[0] @ cut[2] + 0.5


def test_the_newest_event_weighs_most():
    world = checkerboard()
    model = Item2Vec(decay=0.1, **FAST).fit(world.data, world.ctx)
    ask = Requests.of([-1, -1], history=History.of([[0, 1], [1, 0]]))
    block = model.score_block(ask)
    assert block[0, 3] > block[0, 2]
    assert block[1, 2] > block[1, 3]
    expected = 0.1 * model.item_factors_[0] + model.item_factors_[1]
    np.testing.assert_allclose(model.encode_requests(ask)[0], expected / np.linalg.norm(expected), atol=1e-6)


def test_rare_items_get_no_vector():
    data = dataset_of([(0, 0, 1), (0, 1, 2), (1, 0, 3), (1, 1, 4), (1, 2, 5)], n_users=2, n_items=4)
    model = Item2Vec(min_events=2).fit(data)
    assert model.known_.tolist() == [True, True, False, False]
    assert not model.encode_items(np.array([2, 99])).any()


@pytest.mark.parametrize("events", [[(0, 0, 1.0)], [(0, 0, 1.0), (0, 0, 2.0)], [(0, 0, 1.0), (1, 1, 2.0)]])
def test_nothing_to_learn_from_is_no_error(events):
    data = dataset_of(events, n_users=2, n_items=2)
    hits = Item2Vec(min_events=1).fit(data).retrieve(requests_for(data), 5)
    assert np.isfinite(hits.score).all()


def test_nothing_above_the_least_number_of_events_answers_nothing():
    data = dataset_of([(0, 0, 1.0), (0, 1, 2.0)], n_users=1, n_items=2)
    assert len(Item2Vec(min_events=5).fit(data).retrieve(requests_for(data), 5)) == 0
