"""ALS against a plain float64 reference, its two solvers, and the fold-in that serves strangers."""

from dataclasses import replace

import numpy as np
import pytest

from shortlist.core.contracts import FitContext, Updatable
from shortlist.core.errors import StageError
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
    # Ours are turned to their principal axes, which no inner product can see.
    found = model.item_factors_[items].astype(np.float64)
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=2e-4)
    np.testing.assert_allclose(found.T @ found, np.diag(model.spectrum_), atol=2e-4)


def test_conjugate_gradients_reach_the_same_optimum():
    data = small_log()
    exact = Als(factors=8, reg=1.0, epochs=40).fit(data, CTX)
    steps = Als(factors=8, reg=1.0, epochs=40, solver="cg", cg_steps=8).fit(data, CTX)
    requests = requests_for(data)
    np.testing.assert_allclose(steps.score_block(requests), exact.score_block(requests), atol=0.02)


@pytest.mark.parametrize("solver", ["cholesky", "cg", "subspace"])
def test_threads_do_not_change_the_vectors(solver):
    data = small_log()
    one = Als(solver=solver, block=16, epochs=3).fit(data, FitContext(seed=1, threads=1))
    two = Als(solver=solver, block=16, epochs=3).fit(data, FitContext(seed=1, threads=2))
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
    gram = np.diag(model.spectrum_ + model.config.reg)
    vector = solved(gram, model.item_factors_[[0, 4, 8]].astype(np.float64), np.full(3, 2.0))
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


@pytest.mark.parametrize("solver", ["cholesky", "cg", "subspace"])
def test_the_revisited_settings_hold_at_request_time_too(solver):
    """reg_u = reg * (events + unobserved_weight * M)^exponent, confidence unobserved_weight + alpha."""
    data = small_log()
    settings = {"factors": 8, "alpha": 1.0, "unobserved_weight": 0.2, "reg": 0.01, "reg_exponent": 0.8, "block": 4}
    model = Als(solver=solver, **settings).fit(data, CTX)
    past = [0, 4, 8]
    y = model.item_factors_[past].astype(np.float64)
    gram = np.diag(model.spectrum_ + 0.01 * (3 + 0.2 * data.n_items) ** 0.8)
    expected = np.linalg.solve(gram + y.T @ y, 1.2 * y.sum(axis=0))
    found = model.fold_in(Requests.of([-1], history=History.of([past])))[0]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert sum(model.explain(Requests.of([-1], history=History.of([past])), 12).values()) == pytest.approx(
        float(expected @ model.item_factors_[12]), rel=1e-6
    )


# --- updating ---------------------------------------------------------------------------------------------------------


def grown_log():
    """Users 30 and 31 and items 40 and 41 come after the fit: i40 to those who had i5, i41 to the two strangers."""
    rng = np.random.default_rng(0)
    events = [(u, int(i), float(t)) for u in range(30) for t, i in enumerate(rng.permutation(20)[:8] + 20 * (u % 2))]
    old = dataset_of(events, n_users=30, n_items=40)
    mine = sorted({u for u, i, _ in events if i == 5})
    late = [(u, 40, 100.0) for u in mine]
    late += [(u, i, 101.0 + u) for u in (30, 31) for i in (21, 25, 41)] + [(30, 41, 200.0), (0, 1, 300.0)]
    return old, dataset_of(late, n_users=32, n_items=42).interactions


@pytest.mark.parametrize("weight", ["binary", "count"])
def test_one_update_equals_many_in_any_order(weight):
    data, late = grown_log()
    assert isinstance(Als(), Updatable)
    at_once = Als(factors=8, weight=weight).fit(data, CTX).update(late)
    one_by_one = Als(factors=8, weight=weight).fit(data, CTX)
    for event in np.random.default_rng(1).permutation(len(late)):
        one_by_one.update(late.take(np.array([event])))
    assert at_once.learned().keys() == one_by_one.learned().keys()
    for name, value in at_once.learned().items():
        np.testing.assert_array_equal(value, getattr(one_by_one, name), err_msg=name)


def test_an_item_that_came_later_is_like_one_with_the_same_users(tmp_path):
    data, late = grown_log()
    model = Als(factors=8, reg=1.0, epochs=100).fit(data, CTX).update(late)
    assert (model.n_users_, model.n_items_) == (32, 42)
    y = model.item_factors_
    alike = y[40] @ y[5] / np.linalg.norm(y[40]) / np.linalg.norm(y[5])
    assert alike > 0.999
    block = model.score_block(Requests.of([-1, -1], history=History.of([[40], [21, 25]])))
    assert block[0, 5] > np.quantile(block[0], 0.8)
    assert block[1, 41] > block[1, :20].max(), "what strangers with i21 and i25 had, above the other half"
    model.save(tmp_path)
    again = Als.load(tmp_path)
    again.update(late.take(np.array([0])))
    np.testing.assert_array_equal(again.item_factors_, y)


def test_an_update_leaves_items_of_the_fit_and_skips_the_unknown():
    data, late = grown_log()
    model = Als(factors=8).fit(data, CTX)
    before = model.item_factors_.copy()
    model.update(replace(late.take(np.array([0, 1])), user=np.array([-1, 3]), item=np.array([40, -1])))
    assert (model.n_items_, len(model.late_)) == (40, 0)
    model.update(late)
    np.testing.assert_array_equal(model.item_factors_[:40], before)
    lonely = late.take(np.array([0]))
    model.update(replace(lonely, user=np.array([50]), item=np.array([45])))
    assert np.isnan(model.score_block(Requests.of([-1], history=History.of([[5]])))[0, 45]), "nobody known has it"
    with pytest.raises(StageError, match="updatable"):
        Als(updatable=False).fit(data, CTX).update(late)


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["cholesky", "cg", "subspace"])
@pytest.mark.parametrize(
    ("events", "users", "items"),
    [
        ([(0, 0, 1)], 1, 1),
        ([(0, i, i) for i in range(9)], 1, 9),
        ([(u, 0, u) for u in range(9)], 9, 1),
        ([(u, i, 1) for u in range(6) for i in range(7)], 6, 7),
        ([(0, 0, t) for t in range(50)] + [(1, 1, 1)], 3, 4),
    ],
    ids=["one event", "one user", "one item", "all equal", "duplicates and empty rows"],
)
def test_degenerate_logs_are_fitted_without_a_nan(solver, events, users, items):
    data = dataset_of(events, n_users=users, n_items=items)
    for weight in ("binary", "count"):
        model = Als(factors=40, solver=solver, block=16, weight=weight).fit(data, CTX)
        assert all(np.isfinite(value).all() for value in model.learned().values())
        block = model.score_block(requests_for(data))
        has_events = np.isin(np.arange(items), data.interactions.item)
        rows = np.isin(np.arange(users), data.interactions.user)
        assert np.isfinite(block[np.ix_(rows, has_events)]).all()
        assert np.isnan(block[:, ~has_events]).all()
        assert np.isnan(block[~rows]).all()


def test_values_of_events_are_not_read():
    data = small_log()
    values = np.full(data.n_events, np.nan, np.float32)
    odd = replace(data, interactions=replace(data.interactions, value=values))
    assert Als().fit(odd, CTX).item_factors_.tobytes() == Als().fit(data, CTX).item_factors_.tobytes()
