import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.types import History, Requests
from shortlist.models.retrieval.deepwalk import DeepWalk
from shortlist.models.retrieval.node2vec import Node2Vec
from shortlist.testing.worlds import dataset_of

FAST = {"factors": 16, "epochs": 3, "walks": 10, "learning_rate": 0.1, "session_gap_s": None}


def two_rings():
    """Users walk within one of two groups of five items, and now and then from item 4 to item 5."""
    events, clock = [], 0.0
    rng = np.random.default_rng(0)
    for user in range(60):
        path = 5 * (user % 2) + rng.permutation(5)
        if user % 10 == 0:
            path = np.array([3, 4, 5, 6])
        for item in path:
            clock += 1.0
            events.append((user, int(item), clock))
    return dataset_of(events, n_users=60, n_items=11)


def crossings(**config):
    """Share of steps that lead from one group to the other."""
    data = two_rings()
    model = Node2Vec(**FAST, **config)
    model.n_items_ = data.n_items
    offsets, items = model.sequences(data, data.sequences, FitContext(seed=1))
    steps = np.ones(len(items) - 1, bool)
    steps[offsets[1:-1] - 1] = False
    group = items >= 5
    return float((group[1:] != group[:-1])[steps].mean())


def test_a_large_q_keeps_walks_near_and_a_small_one_leads_away():
    assert crossings(q=8.0) < 0.7 * crossings(q=1.0)
    assert crossings(q=1.0) < crossings(q=0.125)


def test_with_p_and_q_of_one_it_is_deepwalk():
    data = two_rings()
    one = Node2Vec(p=1.0, q=1.0, **FAST).fit(data).item_factors_
    np.testing.assert_array_equal(one, DeepWalk(**FAST).fit(data).item_factors_)


def test_groups_lie_together():
    vectors = Node2Vec(**FAST).fit(two_rings()).item_factors_[:10]
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, -1.0)
    assert ((alike.argmax(axis=1) >= 5) == (np.arange(10) >= 5)).all()


@pytest.mark.parametrize("history", [[], [10], [99, -1]])
def test_strangers_and_items_without_events_get_nothing(history):
    model = Node2Vec(**FAST).fit(two_rings())
    ask = Requests.of([-1], history=History.of([history]))
    assert np.isnan(model.score_block(ask)).all()
    assert np.isnan(model.score_block(Requests.of([-1], history=History.of([[0]])))[0, 10])
