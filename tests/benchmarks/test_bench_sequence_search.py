import numpy as np

from benchmarks.bench_sequence_search import by_cluster


def test_every_item_has_one_place_beside_its_like():
    rng = np.random.default_rng(0)
    centres = np.eye(8, dtype=np.float32)
    label = rng.integers(0, 8, 4000)
    points = centres[label] + 0.01 * rng.standard_normal((4000, 8)).astype(np.float32)
    order = by_cluster(points, 400, rng)
    assert np.array_equal(np.sort(order), np.arange(4000))
    # Every group is of one cluster, so walking through 400 of them meets another cluster fewer than 400 times.
    assert (np.diff(label[order]) != 0).sum() < 400
    assert not np.array_equal(order, by_cluster(points, 400, rng))
