import numpy as np

from benchmarks import made


def test_a_made_set_has_its_shape_and_no_item_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("SHORTLIST_BENCH_CACHE", str(tmp_path))
    n_users, n_items, n_events = made.SHAPES["small"]
    x = made.matrix("small")
    assert x.shape == (n_users, n_items)
    assert x.nnz == n_events
    assert x.has_canonical_format
    assert x.getnnz(1).min() >= made.LEAST
    assert x.getnnz(1).max() <= made.MOST * n_items
    per_item = np.sort(x.getnnz(0))[::-1]
    assert per_item[: n_items // 100].sum() > 0.04 * n_events  # four times an even share


def test_a_seed_fixes_the_set_and_the_cache_returns_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SHORTLIST_BENCH_CACHE", str(tmp_path))
    indptr, items = made.events("small", seed=3)
    again = made.make(*made.SHAPES["small"], seed=3)
    read = made.events("small", seed=3)
    np.testing.assert_array_equal(items, again[1])
    np.testing.assert_array_equal(indptr, read[0])
    np.testing.assert_array_equal(items, read[1])
    assert not np.array_equal(items, made.make(*made.SHAPES["small"], seed=4)[1])


def test_as_a_dataset_it_keeps_the_order_of_time():
    data = made.as_dataset(np.array([0, 2, 3]), np.array([4, 1, 0], np.int32), 5)
    assert data.interactions.at.tolist() == [0, 1, 0]
    assert data.interactions.user.tolist() == [0, 0, 1]
    np.testing.assert_array_equal(data.matrix().toarray().nonzero()[1], [1, 4, 0])
