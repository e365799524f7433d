import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.types import History, Requests
from shortlist.models.retrieval.swing import Swing
from shortlist.testing.worlds import checkerboard, dataset_of, requests_for, small_log

# Two users had h, t, r and p; a third had h and p only.
H, T, R, P = range(4)
BASKETS = [(0, H), (0, T), (0, R), (0, P), (1, H), (1, T), (1, R), (1, P), (2, H), (2, P)]


def shop():
    return dataset_of([(u, i, float(n)) for n, (u, i) in enumerate(BASKETS)], n_users=3, n_items=5)


def test_the_worked_example_exactly():
    links = Swing(alpha=1.0, user_weights=False).fit(shop()).links_.toarray()
    assert links[H, P] == links[P, H] == pytest.approx(1 / 5 + 1 / 3 + 1 / 3, abs=1e-15)
    assert links[H, P] == pytest.approx(13 / 15)
    assert links[H, T] == links[H, R] == pytest.approx(1 / 5)
    assert not links.diagonal().any()


def test_active_users_weigh_less():
    links = Swing(alpha=1.0).fit(shop()).links_.toarray()
    both_active, one_active = 1 / 2 * 1 / 2, 1 / 2 * 1 / 2**0.5
    assert links[H, T] == pytest.approx(both_active / 5)
    assert links[H, P] == pytest.approx(both_active / 5 + 2 * one_active / 3)


def test_score_is_the_sum_over_distinct_past_items_and_reasons_add_up():
    model = Swing(user_weights=False).fit(shop())
    ask = Requests.of([-1], history=History.of([[T, H, T]]))
    score = model.score_block(ask)[0]
    assert score[P] == pytest.approx(13 / 15 + 1 / 5)
    assert np.isnan(score[4]), "nobody had it"
    assert model.explain(ask, P) == pytest.approx({T: 1 / 5, H: 13 / 15})


def test_brute_force_over_all_pairs_of_users():
    data = small_log()
    sets = [set(data.sequences.one(u).tolist()) for u in range(data.n_users)]
    expected = np.zeros((data.n_items, data.n_items))
    for u in range(data.n_users):
        for v in range(u + 1, data.n_users):
            common = sorted(sets[u] & sets[v])
            weight = (len(sets[u]) * len(sets[v])) ** -0.5 / (2.5 + len(common))
            for i in common:
                for j in common:
                    expected[i, j] += weight * (i != j)
    found = Swing(alpha=2.5, neighbours=None).fit(data, FitContext(threads=2)).links_.toarray()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)


def test_bounds_on_users_per_item_events_per_user_and_links():
    data = shop()
    # Only the latest two users of each item vouch: the second and the third for h and p.
    links = Swing(user_weights=False, max_users=2).fit(data).links_.toarray()
    assert links[H, P] == pytest.approx(1 / 3)
    # Only the latest two events of each user: r and p, r and p, h and p.
    links = Swing(user_weights=False, max_events=2).fit(data).links_.toarray()
    assert links[R, P] == pytest.approx(1 / 3)
    assert links[H, P] == 0
    assert np.diff(Swing(neighbours=3).fit(small_log()).links_.indptr).max() == 3


def test_withheld_square_of_the_checkerboard_comes_first():
    world = checkerboard()
    block = Swing().fit(world.data, world.ctx).score_block(world.requests)
    block[world.requests.history.row, world.requests.history.item] = np.nan
    assert np.nanargmax(block, axis=1).tolist() == world.answer


@pytest.mark.parametrize("events", [[(0, 0, 1.0), (0, 1, 2.0)], [(0, 0, 1.0), (1, 0, 2.0)]])
def test_one_user_or_one_item_prove_nothing(events):
    data = dataset_of(events, n_users=2, n_items=2)
    model = Swing().fit(data)
    assert model.links_.nnz == 0
    assert len(model.retrieve(requests_for(data), 5)) == 0
