"""The dense helpers against numpy, and their promise that a row's result ignores its neighbours."""

import numpy as np
import pytest
from scipy.sparse import random_array

from shortlist.core.errors import StageError, TooLarge
from shortlist.core.types import History
from shortlist.models import dense
from shortlist.models.dense import add_rows, cosine_rows, dot_rows, gram_of, inverse_spd, refuse_dense, sum_rows


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("n", [1, 5, 64, 65, 200])
def test_inverse_of_a_positive_definite_matrix(rng, n):
    a = rng.normal(size=(n, n))
    spd = a @ a.T + n * np.eye(n)
    np.testing.assert_allclose(inverse_spd(spd.copy()) @ spd, np.eye(n), atol=1e-10)
    single = inverse_spd(spd.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, single.T)
    np.testing.assert_allclose(single @ spd, np.eye(n), atol=1e-4)


def test_a_matrix_without_inverse_is_an_error_with_a_way_out():
    with pytest.raises(StageError, match="regularisation"):
        inverse_spd(-np.eye(3))


@pytest.mark.parametrize(("n", "pivot"), [(37, 8), (40, 8), (9, 100), (1, 1)])
def test_inverse_in_blocks_is_the_inverse(rng, monkeypatch, n, pivot):
    """Only the upper triangle is read."""
    monkeypatch.setattr(dense, "WHOLE", 0)
    monkeypatch.setattr(dense, "PIVOT", pivot)
    half = rng.normal(size=(n, 2 * n))
    spd = half @ half.T + np.eye(n)
    upper = np.triu(spd) + np.tril(rng.normal(size=(n, n)), -1)
    np.testing.assert_allclose(inverse_spd(upper) @ spd, np.eye(n), atol=1e-10)
    np.testing.assert_allclose(inverse_spd(spd.astype(np.float32)) @ spd, np.eye(n), atol=1e-3)
    with pytest.raises(StageError, match="positive definite"):
        inverse_spd(-np.eye(n))


def test_gram_in_slabs_equals_the_product(rng, monkeypatch):
    x = random_array((30, 17), density=0.3, rng=rng, format="csr", dtype=np.float32)
    expected = (x.T @ x).toarray()
    np.testing.assert_allclose(gram_of(x), expected, rtol=1e-6)


def test_refusal_names_the_size_and_what_scales():
    refuse_dense(10_000, max_gb=0.4, instead=("als",))
    with pytest.raises(TooLarge, match=r"10001 x 10001 item matrix needs 0\.4 GB") as caught:
        refuse_dense(10_001, max_gb=0.4, instead=("als", "trails"))
    with pytest.raises(TooLarge):
        refuse_dense(10_000, max_gb=0.4, instead=("als",), bytes_per_cell=8)
    assert "als or trails" in caught.value.hint
    assert caught.value.field == "max_memory_gb"


@pytest.mark.parametrize("d", [1, 7, 32, 67])
def test_products_do_not_depend_on_the_batch(rng, d):
    left, right = rng.normal(size=(9, d)), rng.normal(size=(50, d)).astype(np.float32)
    whole = np.empty((9, 50), np.float32)
    dot_rows(left, right, whole)
    np.testing.assert_allclose(whole, left @ right.T, rtol=1e-4, atol=1e-5)
    for b in (0, 4, 8):
        alone = np.empty((1, 50), np.float32)
        dot_rows(left[b : b + 1], right, alone)
        assert alone[0].tobytes() == whole[b].tobytes()
    part = np.empty((9, 3), np.float32)
    dot_rows(left, right[20:23], part)
    assert part.tobytes() == np.ascontiguousarray(whole[:, 20:23]).tobytes()


def test_sum_of_rows(rng):
    weights = rng.normal(size=(6, 6)).astype(np.float32)
    out = np.empty((3, 6), np.float32)
    sum_rows(np.array([0, 2, 2, 5]), np.array([1, 4, 0, 0, 5]), weights, out)
    np.testing.assert_allclose(out[0], weights[1] + weights[4], rtol=1e-6, atol=1e-6)
    assert not out[1].any()
    np.testing.assert_allclose(out[2], 2 * weights[0] + weights[5], rtol=1e-6, atol=1e-6)


def test_cosine_has_no_answer_for_zero_or_unknown_rows():
    vectors = np.array([[3, 4], [4, 3], [0, 0]], np.float32)
    out = cosine_rows(vectors, np.array([0, 2, 7, -1]))
    np.testing.assert_allclose(out[0], [1, 24 / 25, np.nan], rtol=1e-6)
    assert np.isnan(out[1:]).all()


def test_rows_add_up_by_request():
    rng = np.random.default_rng(0)
    table, history = rng.normal(size=(9, 5)).astype(np.float32), History.of([[3, 3, 8], [], [0]])
    out = np.zeros((3, 5))
    add_rows(history.offsets, history.item, table, out)
    wide = table.astype(np.float64)
    np.testing.assert_allclose(out, [wide[3] + wide[3] + wide[8], np.zeros(5), wide[0]], rtol=1e-12)
