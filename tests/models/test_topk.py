import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shortlist.core.types import Requests
from shortlist.models import topk


def plain_top_k(block, k):
    """The oracle: sort every row in full."""
    lists = []
    for row in block:
        known = [i for i in range(len(row)) if np.isfinite(row[i])]
        lists.append(sorted(known, key=lambda i, row=row: (-row[i], i))[:k])
    return lists


@given(
    st.lists(st.lists(st.sampled_from([0.0, 1.0, 2.0, np.nan, np.inf, -np.inf]), min_size=6, max_size=6), min_size=1),
    st.integers(1, 8),
)
def test_equals_a_full_sort_with_ties_and_missing_scores(rows, k):
    block = np.array(rows)
    row, item, score = topk.cut(block, k)
    assert [item[row == b].tolist() for b in range(len(block))] == plain_top_k(block, k)
    assert np.isfinite(score).all()


def test_blocks_do_not_change_the_answer(monkeypatch):
    scores = np.random.default_rng(0).integers(0, 5, (50, 30)).astype(float)
    requests = Requests.of(range(50))
    whole = topk.top_k(lambda part: scores[part.user], requests, 7, n_items=30)
    monkeypatch.setattr(topk, "MAX_CELLS", 60)
    tiled = topk.top_k(lambda part: scores[part.user], requests, 7, n_items=30)
    assert whole.item.tolist() == tiled.item.tolist()
    assert whole.row.tolist() == tiled.row.tolist()


def test_no_requests_give_no_hits():
    assert len(topk.top_k(lambda part: np.empty((0, 3)), Requests.of([]), 5, n_items=3)) == 0
