"""PureSVD against the exact decomposition, and what its scores are made of."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from shortlist.core.contracts import FitContext
from shortlist.core.types import History, Requests
from shortlist.models.retrieval.pure_svd import PureSvd, leading
from shortlist.testing.worlds import checkerboard, dataset_of, requests_for, small_log

CTX = FitContext(seed=4)


@pytest.mark.parametrize("shape", [(60, 25), (25, 60), (30, 30)])
def test_the_random_start_ends_at_the_exact_vectors(shape):
    rng = np.random.default_rng(0)
    dense = (rng.random(shape) < 0.2) * 1.0
    values, vectors = leading(csr_array(dense), 5, 20, 10, rng)
    _, exact_values, exact = np.linalg.svd(dense)
    assert values == pytest.approx(exact_values[:5], rel=1e-6)
    assert np.abs(np.sum(vectors * exact[:5].T, axis=0)) == pytest.approx(1.0, abs=1e-5)
    assert vectors.T @ vectors == pytest.approx(np.eye(5), abs=1e-9)


def test_scores_are_the_low_rank_row_of_the_user():
    data = small_log()
    model = PureSvd(factors=4, iterations=20).fit(data, CTX)
    dense = data.matrix().toarray().astype(np.float64)
    left, values, right = np.linalg.svd(dense)
    low = (left[:, :4] * values[:4]) @ right[:4]
    assert model.score_block(requests_for(data)) == pytest.approx(low, abs=1e-3)


def test_scaled_columns_are_scored_in_their_scale():
    data = small_log()
    model = PureSvd(factors=4, iterations=20, popularity=0.5).fit(data, CTX)
    dense = data.matrix().toarray().astype(np.float64)
    scaled = dense * np.linalg.norm(dense, axis=0) ** -0.5
    left, values, right = np.linalg.svd(scaled)
    assert model.score_block(requests_for(data)) == pytest.approx((left[:, :4] * values[:4]) @ right[:4], abs=1e-3)


def test_the_withheld_square_of_the_checkerboard_comes_first():
    world = checkerboard()
    block = PureSvd(factors=2).fit(world.data, world.ctx).score_block(world.requests)
    block[world.requests.history.row, world.requests.history.item] = np.nan
    assert np.nanargmax(block, axis=1).tolist() == world.answer


def test_past_items_share_the_score():
    data = small_log()
    model = PureSvd(factors=6, popularity=0.7).fit(data, CTX)
    request = Requests.of([-1], history=History.of([[0, 4, 8, 999]]))
    shares = model.explain(request, 12)
    assert set(shares) == {0, 4, 8}
    assert sum(shares.values()) == pytest.approx(model.score_block(request)[0, 12], rel=1e-5)
    assert model.explain(request, 999) is None


def test_a_large_rank_is_cut_to_the_matrix():
    events = [(0, 0, 1), (0, 1, 2), (1, 1, 3)]
    model = PureSvd(factors=50).fit(dataset_of(events, n_users=2, n_items=4), CTX)
    assert model.item_factors_.shape == (4, 2)
    block = model.score_block(Requests.of([-1, -1, -1], history=History.of([[0], [3], []])))
    assert np.isfinite(block[0]).tolist() == [True, True, False, False]
    assert np.isnan(block[1:]).all()
    assert block[0, :2] == pytest.approx([1.0, 0.0], abs=1e-6), "with all vectors the row comes back as it was"


def test_repeated_events_count_when_asked():
    events = [(0, 0, 1), (0, 0, 2), (0, 1, 3), (1, 1, 4)]
    data = dataset_of(events, n_users=2, n_items=2)
    request = Requests.of([-1], history=History.of([[0, 0, 1]]))
    assert PureSvd(weight="count").fit(data, CTX).score_block(request)[0] == pytest.approx([2.0, 1.0])
    assert PureSvd().fit(data, CTX).score_block(request)[0] == pytest.approx([1.0, 1.0])
