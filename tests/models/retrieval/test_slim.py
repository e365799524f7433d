import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, TooLarge
from shortlist.models.retrieval.ease import Ease
from shortlist.models.retrieval.slim import Slim
from shortlist.testing.worlds import checkerboard, dataset_of, requests_for, small_log

TIGHT = {"tolerance": 1e-10, "sweeps": 2000}


def test_two_items_by_hand():
    # Item 0: users 0, 1, 2; item 1: users 0, 1. They share two users.
    data = dataset_of([(0, 0, 1), (1, 0, 2), (2, 0, 3), (0, 1, 4), (1, 1, 5)], n_users=3, n_items=2)
    links = Slim(l1=0.5, l2=2.0).fit(data).links_.toarray()
    np.testing.assert_allclose(links, [[0, (2 - 0.5) / (3 + 2)], [(2 - 0.5) / (2 + 2), 0]])
    assert Slim(l1=2.0).fit(data).links_.nnz == 0, "no more users in common than l1: no weight"


def test_descent_meets_the_optimality_conditions_of_the_elastic_net():
    data = small_log()
    l1, l2 = 0.7, 3.0
    x = data.matrix().toarray().astype(np.float64)
    for non_negative in (True, False):
        weights = Slim(l1=l1, l2=l2, non_negative=non_negative, **TIGHT).fit(data).links_.toarray()
        slope = x.T @ (x - x @ weights) - l2 * weights  # what another unit of each weight would gain, before l1
        np.fill_diagonal(slope, 0.0)
        assert not weights.diagonal().any()
        used = weights != 0
        np.testing.assert_allclose(slope[used], l1 * np.sign(weights[used]), atol=1e-6)
        rest = slope[~used]
        assert (rest <= l1 + 1e-6).all()
        assert (weights >= 0).all() if non_negative else (rest >= -l1 - 1e-6).all()


def test_closed_form_descent_and_ease_agree_on_ridge():
    data = small_log()
    ridge = {"l1": 0.0, "l2": 5.0, "non_negative": False}
    closed = Slim(solver="closed_form", **ridge).fit(data).links_.toarray()
    walked = Slim(**ridge, **TIGHT).fit(data).links_.toarray()
    np.testing.assert_allclose(walked, closed, atol=1e-6)
    np.testing.assert_allclose(closed, Ease(reg=5.0).fit(data).weights_, atol=1e-5)


def test_threads_change_nothing_and_neighbours_bound_the_weights():
    data = small_log()
    one, two = (Slim().fit(data, FitContext(threads=n)).links_ for n in (1, 2))
    assert (one != two).nnz == 0
    assert np.bincount(Slim(l1=0.0, neighbours=3).fit(data).links_.indices).max() <= 3


def test_withheld_square_of_the_checkerboard_comes_first():
    world = checkerboard()
    block = Slim(l1=0.1, l2=1.0).fit(world.data, world.ctx).score_block(world.requests)
    block[world.requests.history.row, world.requests.history.item] = np.nan
    assert np.nanargmax(block, axis=1).tolist() == world.answer


def test_too_many_pairs_or_a_dense_catalogue_are_refused_with_the_remedy():
    data = small_log()
    with pytest.raises(TooLarge) as pairs:
        Slim(max_links=10).fit(data)
    assert "rp3beta" in pairs.value.hint
    for config in ({"solver": "closed_form", "l1": 0.0}, {}):
        with pytest.raises(TooLarge) as dense:
            Slim(max_memory_gb=1e-6, non_negative=False, **config).fit(data)
        assert "non_negative" in dense.value.hint


def test_the_closed_form_has_no_lasso():
    with pytest.raises(BadConfig, match="closed form"):
        Slim(solver="closed_form")


def test_one_item_has_no_weights():
    one = dataset_of([(0, 0, 1.0), (1, 0, 2.0)], n_users=2, n_items=1)
    assert len(Slim(l1=0.0).fit(one).retrieve(requests_for(one), 5)) == 0
