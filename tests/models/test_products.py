import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.core.order import keep_best
from shortlist.core.types import History
from shortlist.models import products
from shortlist.models.dense import dot, dot_rows


def plainly(users, vectors, known, k, exclude=None):
    """The oracle: all scores pair by pair, what may not be shown taken out, one sort of everything."""
    block = np.empty((len(users), len(vectors)), np.float32)
    dot_rows(users, vectors, block)
    block[:, ~known] = np.nan
    block[~users.any(axis=1)] = np.nan
    if exclude is not None:
        inside = (exclude.item >= 0) & (exclude.item < len(vectors))
        block[exclude.row[inside], exclude.item[inside]] = np.nan
    row, item = np.nonzero(np.isfinite(block))
    best = keep_best(row, block[row, item], item, k)
    row, item = row[best], item[best]
    return [(item[row == b].tolist(), block[b, item[row == b]].tolist()) for b in range(len(users))]


def lists(users, vectors, known, k, exclude=None, threads=1):
    item, score, found = products.best_products(
        users, products.Catalogue.of(vectors, known), k, exclude=exclude, threads=threads
    )
    return [(item[b, : found[b]].tolist(), score[b, : found[b]].tolist()) for b in range(len(users))]


def ragged(rng, n, n_items, most):
    return History.of([rng.integers(-2, n_items + 3, rng.integers(0, most + 1)).tolist() for _ in range(n)])


KINDS = ("normal", "skewed", "grid", "duplicates", "near", "zero", "tiny", "huge", "negative", "one direction")


def made(kind, n, m, d, rng):
    users = rng.normal(size=(n, d))
    items = rng.normal(size=(m, d)).astype(np.float32)
    if kind == "skewed":
        items *= rng.pareto(1.0, (m, 1)).astype(np.float32)
    elif kind == "grid":
        users, items = rng.integers(-1, 2, (n, d)).astype(float), rng.integers(-1, 2, (m, d)).astype(np.float32)
    elif kind == "duplicates":
        items = items[rng.integers(0, min(5, m), m)]
    elif kind == "near":
        items = items[rng.integers(0, min(5, m), m)] * (1 + 1e-7 * rng.integers(0, 3, (m, 1)).astype(np.float32))
    elif kind == "zero":
        items[rng.random(m) < 0.7], users[rng.random(n) < 0.3] = 0.0, 0.0
    elif kind == "tiny":
        users, items = users * 1e-200, items * np.float32(1e-30)
        users[::2] *= 1e180
    elif kind == "huge":
        users[::2] *= 1e25
        items *= np.float32(1e10)
    elif kind == "negative":
        users, items = np.abs(users), -np.abs(items)
    elif kind == "one direction":
        users, items = np.abs(users[:, :1]) * np.ones((1, d)), np.abs(items[:, :1]) * np.ones((1, d), np.float32)
    return np.ascontiguousarray(users), np.ascontiguousarray(items, np.float32)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(KINDS), st.sampled_from([1, 7, 8, 40]), st.sampled_from([1, 3, 90, 700]),
    st.sampled_from([1, 5, 16]), st.sampled_from([1, 3, 10, 1000]), st.booleans(), st.integers(0, 2**16),
)  # fmt: skip
def test_lists_are_those_of_the_plain_way(kind, n, m, d, k, filtered, seed):
    rng = np.random.default_rng(seed)
    users, items = made(kind, n, m, d, rng)
    known = rng.random(m) < rng.choice([0.0, 0.8, 1.0], p=[0.1, 0.4, 0.5])
    exclude = ragged(rng, n, m, rng.choice([3, m // 2 + 1, 3 * m])) if filtered else None
    with np.errstate(over="ignore"):
        assert lists(users, items, known, k, exclude) == plainly(users, items, known, k, exclude)


def test_many_tiles_and_threads_change_no_list(monkeypatch):
    rng = np.random.default_rng(1)
    users, items = made("skewed", 700, 900, 12, rng)
    known, exclude = rng.random(900) < 0.9, ragged(rng, 700, 900, 60)
    expected = plainly(users, items, known, 10, exclude)
    for rows, columns, requests in ((384, 384, 2048), (16, 32, 64), (5, 7, 128)):
        for name, value in (("ROWS", rows), ("ITEMS", columns), ("REQUESTS", requests)):
            monkeypatch.setattr(products, name, value)
        for threads in (1, 3):
            assert lists(users, items, known, 10, exclude, threads) == expected


def test_a_list_does_not_depend_on_its_batch():
    rng = np.random.default_rng(2)
    users, items = made("near", 64, 500, 9, rng)
    known = np.ones(500, bool)
    together = lists(users, items, known, 20)
    assert [lists(users[b : b + 1], items, known, 20)[0] for b in range(64)] == together


def test_requests_that_are_no_numbers_get_nothing_and_spoil_nobody():
    rng = np.random.default_rng(3)
    users, items = made("normal", 20, 400, 6, rng)
    known = np.ones(400, bool)
    expected = lists(users, items, known, 5)
    users[3, 2], users[7, 0] = np.nan, np.inf
    found = lists(users, items, known, 5)
    assert found[3] == found[7] == ([], [])
    assert [found[b] for b in range(20) if b not in (3, 7)] == [expected[b] for b in range(20) if b not in (3, 7)]


def test_who_had_everything_gets_nothing():
    users, items = made("normal", 30, 300, 4, np.random.default_rng(4))
    everything = History.of([list(range(300))] * 30)
    assert lists(users, items, np.ones(300, bool), 5, everything) == [([], [])] * 30


def test_too_many_near_ties_are_counted_out_one_by_one():
    items = np.ones((2000, 3), np.float32)
    items[1500] *= np.float32(1 + 2e-7)
    found = lists(np.ones((20, 3)), items, np.ones(2000, bool), 4)
    assert found[0][0] == [1500, 0, 1, 2]
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize("d", [1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 64, 100, 127, 128, 200])
def test_one_pair_has_one_score_in_every_loop(d):
    """`dot` is compiled into several loops; rounding must not tell them apart."""
    rng = np.random.default_rng(d)
    users, items = made("normal", 12, 3 * d + 200, d, rng)
    block = np.empty((12, len(items)), np.float32)
    dot_rows(users, items, block)
    known = np.ones(len(items), bool)
    for batch in (users, users[:1]):
        item, score, _ = products.best_products(batch, products.Catalogue.of(items, known), 50)
        assert (score == np.take_along_axis(block[: len(batch)], item, 1)).all()
    assert np.float32(dot(users, 3, items, 9)) == block[3, 9]
