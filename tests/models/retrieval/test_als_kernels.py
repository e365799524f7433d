"""Kernels of ALS against plain linear algebra: tiles, rows of every length, sweeps that never raise the objective."""

import numpy as np
import pytest

from shortlist.core.errors import BadConfig
from shortlist.models.retrieval._als_kernels import solve_cg, solve_cholesky, solve_subspace
from shortlist.models.retrieval._als_sweeps import Problem, factorise, objective, principal_axes, start_vectors, sweep
from shortlist.models.retrieval._als_tiles import ROWS, add_products, aligned, factor, padded, solve
from shortlist.models.retrieval._compact import Compact, compact_matrix
from shortlist.testing.worlds import dataset_of, small_log

LENGTHS = [0, 1, 2, 7, 16, 17, 40, 64, 65, 200]


@pytest.mark.parametrize(("precision", "within"), [(np.float32, 2e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("d", [16, 32, 80])
def test_tiles_equal_the_textbook(precision, within, d):
    rng = np.random.default_rng(d)
    rows, total, factored = (aligned(n, d, np.zeros(1, precision)) for n in (50, d, d))
    rows[:, :d] = rng.normal(size=(50, d))
    total[:, :d] = np.eye(d)
    add_products(rows, 37, total, d)
    expected = np.eye(d) + rows[:37, :d].astype(np.float64).T @ rows[:37, :d]
    np.testing.assert_allclose(np.triu(total[:, :d]), np.triu(expected), rtol=within, atol=50 * within)
    assert not total[:, d:].any()
    factored[:, :d] = expected
    factor(factored, d, 1.0, np.empty((2, ROWS, ROWS), precision))
    upper = np.triu(factored[:, :d].astype(np.float64), 1) + np.diag(1 / np.diag(factored))
    np.testing.assert_allclose(upper.T @ upper, expected, rtol=within, atol=100 * within)
    b = rng.normal(size=d)
    x = b.astype(precision)
    solve(factored, d, x)
    np.testing.assert_allclose(x, np.linalg.solve(expected, b), atol=100 * within)
    assert rows.ctypes.data % 64 == 0


def test_a_pivot_lost_to_rounding_becomes_the_least_there_can_be():
    a = aligned(16, 16, np.zeros(1, np.float32))
    a[:, :16] = 1e8 * np.ones((16, 16)) + np.eye(16)  # in float32 the 1 is gone
    factor(a, 16, 1.0, np.empty((2, ROWS, ROWS), np.float32))
    assert np.isfinite(a).all()


def rows_of_every_length(d, weighted, seed=0):
    """A matrix whose rows have LENGTHS entries, the other side in its principal axes, and its spectrum."""
    rng = np.random.default_rng(seed)
    fixed = rng.normal(size=(220, d)).astype(np.float32)
    values, axes = principal_axes(fixed)
    fixed = (fixed @ axes).astype(np.float32)
    columns = [np.sort(rng.permutation(len(fixed))[:k]) for k in LENGTHS]
    indptr = np.concatenate([[0], np.cumsum(LENGTHS)])
    weight = rng.uniform(0.5, 4.0, indptr[-1]) if weighted else np.array([2.0])
    return Compact(indptr, np.concatenate(columns).astype(np.int32), weight.astype(np.float32), 220), fixed, values


def by_the_book(x, fixed, values, a, reg, width, exponent):
    y, out = fixed.astype(np.float64), np.zeros((x.rows, fixed.shape[1]))
    for u in range(x.rows):
        mine = slice(x.indptr[u], x.indptr[u + 1])
        z = y[x.indices[mine]]
        w = np.broadcast_to(x.weight if len(x.weight) == 1 else x.weight[mine], len(z)).astype(np.float64)
        normal = np.diag(a * values + reg * (len(z) + width) ** exponent) + (z * w[:, None]).T @ z
        out[u] = np.linalg.solve(normal, ((a + w)[:, None] * z).sum(axis=0))
    return out


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("d", [3, 16, 50, 128])
def test_every_solver_finds_the_least_squares(d, weighted):
    x, fixed, values = rows_of_every_length(d, weighted)
    a, reg, width, exponent = 0.3, 0.7, 66.0, 0.5
    expected = by_the_book(x, fixed, values, a, reg, width, exponent)
    given = (0, x.rows, x.indptr, x.indices, x.weight, fixed, a * values, a, reg, width, exponent)
    exact = np.full((x.rows, d), np.nan)
    solve_cholesky(*given, exact)
    np.testing.assert_allclose(exact, expected, rtol=1e-9, atol=1e-12)
    single, steps, blocks = (np.full((x.rows, d), 0.1, np.float32) for _ in range(3))
    solve_cholesky(*given, single)
    solve_cg(*given, steps, 4 * d)
    for _ in range(60):
        solve_subspace(*given, blocks, 16)
    for found in (single, steps, blocks):
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_a_row_of_a_million_entries():
    rng = np.random.default_rng(0)
    fixed = rng.normal(size=(1_000_000, 4)).astype(np.float32)
    x = Compact(np.array([0, len(fixed)]), np.arange(len(fixed), dtype=np.int32), np.full(1, 2, np.float32), len(fixed))
    spectrum, axes = principal_axes(fixed)
    fixed = (fixed @ axes).astype(np.float32)
    expected = by_the_book(x, fixed, spectrum, 1.0, 1.0, 0.0, 0.0)[0]
    out = np.zeros((1, 4), np.float32)
    for solver, more in ((solve_cholesky, ()), (solve_cg, (8,)), (solve_subspace, (4,))):
        solver(0, 1, x.indptr, x.indices, x.weight, fixed, spectrum, 1.0, 1.0, 0.0, 0.0, out, *more)
        np.testing.assert_allclose(out[0], expected, rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize("solver", ["cholesky", "cg", "subspace"])
def test_going_past_the_solution_saves_sweeps(solver):
    x = compact_matrix(small_log(), "binary")[0]
    xt = x.transposed()
    found = []
    for relax in (1.0, 1.5):
        users, items = (start_vectors(np.random.default_rng(0), n, 24, 0.1) for n in (x.rows, x.columns))
        problem = Problem(1.0, 1.0, 0.0, solver, 3, 8, relax)
        factorise(problem, x, xt, users, items, epochs=8 if relax > 1 else 12)
        found.append(objective(problem, x, xt, users, items))
    assert found[1] < found[0]


@pytest.mark.parametrize("exponent", [0.0, 1.0])
@pytest.mark.parametrize("solver", ["cholesky", "cg", "subspace"])
def test_the_objective_is_the_sum_over_all_pairs_and_falls_with_every_sweep(solver, exponent):
    x = compact_matrix(small_log(), "count")[0]
    xt = x.transposed()
    rng = np.random.default_rng(0)
    users, items = (start_vectors(rng, n, 12, 0.1) for n in (x.rows, x.columns))
    problem = Problem(0.3, 0.05, exponent, solver, 3, 4)
    seen = []
    for _ in range(6):
        sweep(problem, x, xt, users, items, threads=1)
        seen.append(objective(problem, x, xt, users, items))
    assert (np.diff(seen) < 0).all()
    dense = np.zeros((x.rows, x.columns))
    dense[np.repeat(np.arange(x.rows), np.diff(x.indptr)), x.indices] = x.weight
    score = users.astype(np.float64) @ items.T
    total = ((0.3 + dense) * ((dense > 0) - score) ** 2).sum()
    for table, counts, others in ((users, (dense > 0).sum(1), x.columns), (items, (dense > 0).sum(0), x.rows)):
        total += 0.05 * ((counts + 0.3 * others) ** exponent * (table.astype(np.float64) ** 2).sum(axis=1)).sum()
    assert seen[-1] == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("weight", ["binary", "count"])
def test_the_compact_matrix_is_the_matrix_in_natural_order(weight):
    events = [(u, i, t) for t, (u, i) in enumerate([(10, 2), (2, 11), (2, 2), (10, 2), (3, 0), (2, 11), (2, 11)])]
    data = dataset_of(events, n_users=12, n_items=12)
    x, users, items = compact_matrix(data, weight)
    dense = np.zeros((12, 12))
    dense[np.repeat(np.arange(12), np.diff(x.indptr)), x.indices] = x.weight
    np.testing.assert_array_equal(dense, data.matrix(weight).toarray()[users][:, items])
    xt = x.transposed()
    again = np.zeros((12, 12))
    again[np.repeat(np.arange(12), np.diff(xt.indptr)), xt.indices] = xt.weight
    np.testing.assert_array_equal(again, dense.T)
    assert all((np.diff(x.indices[x.indptr[r] : x.indptr[r + 1]]) > 0).all() for r in range(12))
    assert (len(x.weight) == 1) == (weight == "binary")


@pytest.mark.parametrize("bad", [-1.0, 0.0, np.nan, np.inf])
def test_weights_that_are_not_positive_numbers_are_refused(bad):
    x = Compact(np.array([0, 2]), np.array([0, 1], np.int32), np.array([1.0, bad], np.float32), 2)
    users, items = np.ones((1, 2), np.float32), np.ones((2, 2), np.float32)
    with pytest.raises(BadConfig, match="positive"):
        factorise(Problem(), x, x.transposed(), users, items, epochs=1)


def test_sizes_are_padded_to_whole_lines():
    assert [padded(d) for d in (1, 16, 17, 64)] == [16, 16, 32, 64]
