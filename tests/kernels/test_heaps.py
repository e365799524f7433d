import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.core.order import keep_best
from shortlist.kernels.heaps import keep_highest, kth_highest, offer, unheap


@settings(deadline=None)
@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), max_size=40), st.integers(1, 12), st.randoms())
def test_a_heap_keeps_what_the_one_order_keeps(scores, k, random):
    items = list(range(len(scores)))
    random.shuffle(items)
    score, item, n = np.empty(k), np.empty(k, np.int64), 0
    for new_score, new_item in zip(scores, items, strict=True):
        n = offer(score, item, n, k, new_score, new_item)
    unheap(score, item, n)
    best = keep_best(np.zeros(len(scores), np.int64), np.array(scores), np.array(items, np.int64), k)
    assert item[:n].tolist() == np.array(items, np.int64)[best].tolist()


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=60), st.data())
def test_kth_highest_is_that_of_a_sort(values, data):
    k = data.draw(st.integers(1, len(values)))
    assert kth_highest(np.array(values), len(values), k) == sorted(values, reverse=True)[k - 1]


@settings(deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=60), st.data())
def test_selection_keeps_the_highest_with_their_keys(values, data):
    limit = data.draw(st.integers(1, max(1, len(values) - 1)))
    score, key = np.array(values, np.float32), np.arange(len(values))
    keep_highest(score, key, len(values), limit)
    assert sorted(score[:limit]) == sorted(values, reverse=True)[:limit][::-1]
    assert all(values[k] == s for k, s in zip(key, score, strict=True))
