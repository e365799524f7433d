import numpy as np
import pytest

from shortlist.core.types import History, Requests
from shortlist.models.retrieval.gf_cf import GfCf
from shortlist.models.retrieval.rp3beta import Rp3Beta
from shortlist.testing.worlds import checkerboard, dataset_of, requests_for, small_log


def dense_answer(x, vectors_kept, low_pass):
    """The formula of the paper with dense matrices: r (R'R + a D^-1/2 V V' D^1/2)."""
    users, items = x.sum(axis=1), x.sum(axis=0)
    normal = x / np.sqrt(np.outer(users, items))
    _, _, v = np.linalg.svd(normal, full_matrices=False)
    v = v[:vectors_kept].T
    return x @ (normal.T @ normal + low_pass * (v @ v.T) * np.sqrt(items)[None, :] / np.sqrt(items)[:, None])


def test_the_formula_with_dense_matrices():
    data = small_log()
    x = data.matrix().toarray().astype(np.float64)
    model = GfCf(factors=5, low_pass=0.3, iterations=60).fit(data)
    np.testing.assert_allclose(model.score_block(requests_for(data)), dense_answer(x, 5, 0.3), rtol=1e-4, atol=1e-6)


def test_propagation_weighs_singular_vectors_by_the_mean_of_their_layers():
    data = small_log()
    config = {"factors": 5, "iterations": 60, "spectrum": "propagation", "layers": 2}
    vectors = GfCf(**config).fit(data).vectors_.astype(np.float64)
    x = data.matrix().toarray().astype(np.float64)
    values = np.linalg.svd(x / np.sqrt(np.outer(x.sum(axis=1), x.sum(axis=0))), compute_uv=False)[:5]
    np.testing.assert_allclose((vectors**2).sum(axis=0), (1 + values**2 + values**4) / 3, rtol=1e-5)


def test_without_the_low_pass_it_orders_like_the_walk():
    data = small_log()
    requests = requests_for(data)
    block = GfCf(low_pass=0.0, beta=0.2).fit(data).score_block(requests)
    walk = Rp3Beta(beta=0.2).fit(data).score_block(requests)
    # The walk leaves out what an item says about itself, so only unseen items compare.
    for one in (block, walk):
        one[requests.history.row, requests.history.item] = np.nan
        np.nan_to_num(one, copy=False)
    np.testing.assert_allclose(block, walk, rtol=1e-5, atol=1e-7)


def test_withheld_square_of_the_checkerboard_comes_first():
    world = checkerboard()
    block = GfCf(factors=2).fit(world.data, world.ctx).score_block(world.requests)
    block[world.requests.history.row, world.requests.history.item] = np.nan
    assert np.nanargmax(block, axis=1).tolist() == world.answer


@pytest.mark.parametrize("events", [[(0, 0, 1.0)], [(0, 0, 1.0), (0, 1, 2.0)], [(0, 0, 1.0), (1, 0, 2.0)]])
def test_the_smallest_matrices(events):
    data = dataset_of(events, n_users=2, n_items=3)
    hits = GfCf().fit(data).retrieve(requests_for(data), 5)
    assert np.isfinite(hits.score).all()
    assert 2 not in hits.item.tolist(), "an item without events is no candidate"


def test_strangers_without_known_items_get_nothing():
    data = dataset_of([(0, 0, 1.0), (0, 1, 2.0)], n_users=1, n_items=3)
    ask = Requests.of([-1, -1], history=History.of([[], [2]]))
    assert np.isnan(GfCf().fit(data).score_block(ask)).all()
