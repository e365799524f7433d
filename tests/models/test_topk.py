import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from shortlist.core.types import History, Requests
from shortlist.models import topk

SCORES = st.sampled_from([0.0, -0.0, 1.0, 2.0, -3.0, np.nan, np.inf, -np.inf])


def plain_top_k(block, k, exclude=None):
    """The oracle: sort every row in full."""
    lists = []
    for b, row in enumerate(block):
        had = set() if exclude is None else set(exclude.one(b).tolist())
        known = [i for i in range(len(row)) if np.isfinite(row[i]) and i not in had]
        lists.append(sorted(known, key=lambda i, row=row: (-row[i], i))[:k])
    return lists


def lists(block, k, exclude=None):
    item, score, found = topk.best_of_block(block, k, exclude)
    assert all(np.isfinite(score[b, : found[b]]).all() for b in range(len(found)))
    return [item[b, : found[b]].tolist() for b in range(len(found))]


@settings(deadline=None)
@given(
    st.lists(st.lists(SCORES, min_size=6, max_size=6), min_size=1, max_size=5),
    st.lists(st.lists(st.integers(-2, 8), max_size=9), min_size=5, max_size=5),
    st.integers(1, 8),
    st.sampled_from([np.float32, np.float64]),
)
def test_equals_a_full_sort_with_ties_missing_scores_and_a_past(rows, past, k, kind):
    block, exclude = np.array(rows, kind), History.of(past[: len(rows)])
    assert lists(block, k) == plain_top_k(block, k)
    assert lists(block, k, exclude) == plain_top_k(block, k, exclude)


@pytest.mark.parametrize("k", [1, 10, 40, 900])
@pytest.mark.parametrize("filtered", [False, True])
def test_long_rows_equal_a_full_sort(k, filtered):
    rng = np.random.default_rng(k)
    block = np.where(rng.random((30, 700)) < 0.5, np.nan, rng.integers(0, 60, (30, 700)).astype(float))
    exclude = History.of([rng.integers(0, 700, 200).tolist() for _ in range(30)]) if filtered else None
    assert lists(block, k, exclude) == plain_top_k(block, k, exclude)
    assert lists(np.asfortranarray(block), k, exclude) == plain_top_k(block, k, exclude)
    assert lists(np.broadcast_to(block[0], (30, 700)), k) == plain_top_k([block[0]] * 30, k)


@pytest.mark.parametrize("k", [1, 10, 900])
def test_a_sparse_block_says_what_its_dense_form_says(k):
    rng = np.random.default_rng(k)
    stored = rng.random((30, 400)) < 0.2
    values = np.where(stored, rng.integers(1, 9, (30, 400)).astype(float), np.nan)
    row, item = np.nonzero(stored)
    shuffled = np.lexsort((rng.random(len(row)), row))
    indptr = np.searchsorted(row, np.arange(31))
    sparse = csr_array((values[row, item][shuffled], item[shuffled], indptr), shape=values.shape)
    exclude = History.of([rng.integers(0, 400, 50).tolist() for _ in range(30)])
    assert lists(sparse, k, exclude) == plain_top_k(values, k, exclude)


def test_blocks_do_not_change_the_answer(monkeypatch):
    scores = np.random.default_rng(0).integers(0, 5, (50, 30)).astype(float)
    requests, exclude = Requests.of(range(50)), History.of([[b % 30, 3] for b in range(50)])
    whole = topk.top_k(lambda part: scores[part.user], requests, 7, n_items=30, exclude=exclude)
    monkeypatch.setattr(topk, "MAX_CELLS", 60)
    tiled = topk.top_k(lambda part: scores[part.user], requests, 7, n_items=30, exclude=exclude)
    assert whole.item.tolist() == tiled.item.tolist()
    assert whole.row.tolist() == tiled.row.tolist()
    assert whole.score.dtype == np.float32


def test_no_requests_give_no_hits():
    assert len(topk.top_k(lambda part: np.empty((0, 3)), Requests.of([]), 5, n_items=3)) == 0


def test_nothing_known_gives_short_lists_and_keeps_the_rows():
    scores = np.array([[np.nan, 1.0, 2.0], [np.nan] * 3, [5.0, np.nan, np.nan]])
    found = topk.top_k(lambda part: scores[part.user], Requests.of(range(3)), 5, n_items=3)
    assert found.row.tolist() == [0, 0, 2]
    assert found.item.tolist() == [2, 1, 0]


def test_what_must_not_come_back_is_one_table():
    one, other = History.of([[1], [], [2, 3]]), History.of([[4], [5], []])
    both = topk.banned(one, None, other, History.empty(3))
    assert [sorted(both.one(b).tolist()) for b in range(3)] == [[1, 4], [5], [2, 3]]
    assert topk.banned(None, History.empty(3)) is None
    assert topk.banned(one, History.empty(3)) is one
