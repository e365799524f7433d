"""Lists that move: what streaming VQ adds to the suite every backend passes."""

import numpy as np

from shortlist.index.streaming_vq import StreamingVq


def drifting(n, centre, seed):
    return (centre + 0.1 * np.random.default_rng(seed).normal(size=(n, 2))).astype(np.float32)


def test_centres_follow_what_arrives_and_nothing_is_built_anew():
    first = np.concatenate([drifting(300, [0, 0], 1), drifting(300, [5, 0], 2)])
    index = StreamingVq(open_items=10, recheck=1.0, repair=2.0).build(first, metric="euclidean")
    before = index._centre.copy()
    for step in range(8):
        index.add(600 + 100 * step + np.arange(100), drifting(100, [5, 1.0 + step], 10 + step))
    assert index.rebuilds == 0
    assert np.abs(index._centre - before).max() > 2
    query = np.array([[5.0, 8.0]], np.float32)
    assert (index.search(query, 10).item >= 600 + 700).all()


def test_small_lists_count_as_nearer():
    index = StreamingVq(balance=0.5, open_items=10, lists=0.1).build(drifting(400, [0, 0], 1), metric="euclidean")
    index._centre = np.array([[0.0, 0.0], [1.0, 0.0]])
    sizes = np.array([399.0, 1.0])
    assert index._take(np.array([0.45, 0.0], np.float32), sizes) == 1, "nearer to the first, but that is full"
    assert index._take(np.array([0.45, 0.0], np.float32), np.array([200.0, 200.0])) == 0


def test_a_vector_joins_the_nearest_of_two_centres_and_that_centre_moves_towards_it():
    """(0.6, 0.8) lies 0.447 from (1, 1) and 1.0 from (0, 0); a centre of weight 1 keeps 0.99 of it."""
    index = StreamingVq(open_items=10, lists=0.1).build(drifting(400, [0, 0], 1), metric="euclidean")
    index._centre, index._weight = np.array([[0.0, 0.0], [1.0, 1.0]]), np.ones(2)
    vector = np.array([0.6, 0.8], np.float32)
    np.testing.assert_allclose(np.linalg.norm(index._centre - vector, axis=1), [1.0, 0.447], atol=5e-4)
    joined = index._take(vector, np.array([200.0, 200.0]))
    index._move(joined, vector)
    assert joined == 1
    np.testing.assert_allclose(index._centre[1], [(0.99 + 0.6) / 1.99, (0.99 + 0.8) / 1.99], atol=1e-6)
    assert index._weight.tolist() == [1.0, 1.99]


def test_older_vectors_move_where_they_belong_now():
    index = StreamingVq(open_items=10, repair=50.0, recheck=1.0).build(drifting(200, [0, 0], 1), metric="euclidean")
    index._group[:] = 0
    index._sort()
    index.add(200 + np.arange(20), drifting(20, [0, 0], 3))
    assert len(np.unique(index._group)) > 3
