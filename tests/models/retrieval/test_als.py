"""ALS against a plain float64 reference, its two solvers, and the fold-in that serves strangers."""

import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.types import History, Requests
from shortlist.models.retrieval.als import Als
from shortlist.testing.worlds import checkerboard, dataset_of, requests_for, small_log

CTX = FitContext(seed=4, threads=1)


def solved(gram, fixed, weight):
    """One row by the textbook: (Y'Y + Y'WY + reg I)^-1 Y'(1 + w) on its entries."""
    return np.linalg.solve(gram + (fixed * weight[:, None]).T @ fixed, ((1 + weight)[:, None] * fixed).sum(axis=0))


def reference(x, d, reg, alpha, sweeps, seed):
    """Item vectors after full sweeps, all in float64."""
    rng = np.random.default_rng(seed)
    sides = [rng.normal(scale=0.01, size=(n, d)) for n in x.shape]
    for _ in range(sweeps):
        for side, matrix in ((0, x), (1, x.T)):
            fixed = sides[1 - side]
            gram = fixed.T @ fixed + reg * np.eye(d)
            for row, entries in enumerate(matrix):
                on = np.flatnonzero(entries)
                sides[side][row] = solved(gram, fixed[on], alpha * entries[on]) if len(on) else 0.0
    return sides[1]


def natural(ids):
    """ "u10" sorts before "u2": the order in which a text id draws its start."""
    return np.argsort(np.array(ids))


@pytest.mark.parametrize("d", [5, 16])
def test_equals_the_textbook(d):
    # Rows of 12 entries: fewer than 16 factors take the short form of the solve, 5 factors the long one.
    data = small_log()
    x = data.matrix().toarray().astype(np.float64)
    users, items = natural(data.users.ids), natural(data.items.ids)
    expected = reference(x[users][:, items], d, 0.5, 10.0, 4, seed=4)
    model = Als(factors=d, reg=0.5, alpha=10.0, epochs=4).fit(data, CTX)
    np.testing.assert_allclose(model.item_factors_[items], expected, atol=2e-4)


def test_conjugate_gradients_reach_the_same_optimum():
    data = small_log()
    exact = Als(factors=8, reg=1.0, epochs=40).fit(data, CTX)
    steps = Als(factors=8, reg=1.0, epochs=40, solver="cg", cg_steps=8).fit(data, CTX)
    requests = requests_for(data)
    np.testing.assert_allclose(steps.score_block(requests), exact.score_block(requests), atol=0.02)


@pytest.mark.parametrize("solver", ["cholesky", "cg"])
def test_threads_do_not_change_the_vectors(solver):
    data = small_log()
    one = Als(solver=solver, epochs=3).fit(data, FitContext(seed=1, threads=1))
    two = Als(solver=solver, epochs=3).fit(data, FitContext(seed=1, threads=2))
    assert one.item_factors_.tobytes() == two.item_factors_.tobytes()


def test_withheld_square_of_the_checkerboard_comes_first():
    world = checkerboard()
    model = Als(factors=4).fit(world.data, world.ctx)
    block = model.score_block(world.requests)
    block[world.requests.history.row, world.requests.history.item] = np.nan
    best = np.nanargmax(block, axis=1)
    assert (best % 2).tolist() == [answer % 2 for answer in world.answer]


def test_the_history_of_the_request_decides_not_the_user():
    data = small_log()
    model = Als(factors=8).fit(data, CTX)
    history = History.of([[0, 4, 8], [0, 4, 8], [1, 5]])
    block = model.score_block(Requests.of([-1, 3, 3], history=history))
    assert block[0].tobytes() == block[1].tobytes()
    assert block[1].tobytes() != block[2].tobytes()
    vector = solved(model.gram_, model.item_factors_[[0, 4, 8]].astype(np.float64), np.full(3, 2.0))
    np.testing.assert_allclose(model.fold_in(Requests.of([-1] * 3, history=history))[0], vector, rtol=1e-9)


def test_repeats_count_only_when_told():
    data = small_log()
    twice = Requests.of([-1, -1], history=History.of([[0, 4, 4], [0, 4]]))
    binary, count = Als(factors=8).fit(data, CTX), Als(factors=8, weight="count").fit(data, CTX)
    assert np.array_equal(*binary.score_block(twice))
    assert not np.array_equal(*count.score_block(twice))


def test_items_nobody_had_are_no_candidates():
    data = dataset_of([(0, 0, 1), (0, 1, 2), (1, 0, 1)], n_users=2, n_items=4)
    model = Als(factors=2).fit(data, CTX)
    block = model.score_block(Requests.of([-1, -1], history=History.of([[0, 3], [3]])))
    assert np.isfinite(block[0]).tolist() == [True, True, False, False]
    assert np.isnan(block[1]).all()
    similar = model.similar_block(np.array([0, 3]))
    assert similar[0, 0] == pytest.approx(1.0)
    assert np.isnan(similar[0, 2:]).all()
    assert np.isnan(similar[1]).all()


@pytest.mark.parametrize("weight", ["binary", "count"])
def test_reasons_add_up_to_the_score(weight):
    data = small_log()
    model = Als(factors=8, weight=weight).fit(data, CTX)
    request = Requests.of([-1], history=History.of([[0, 4, 8, 4, 99]]))
    reasons = model.explain(request, 12)
    assert set(reasons) == {0, 4, 8}
    assert sum(reasons.values()) == pytest.approx(float(model.score_block(request)[0, 12]), rel=1e-5)
    assert model.explain(request, 99) is None


def test_encoders_give_the_scores_by_product():
    data = small_log()
    model = Als(factors=8).fit(data, CTX)
    requests = requests_for(data)
    product = model.encode_requests(requests) @ model.encode_items(np.arange(data.n_items)).T
    np.testing.assert_allclose(product, model.score_block(requests), rtol=1e-3, atol=1e-5)
