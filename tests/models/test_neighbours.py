"""The compiled neighbour search against the plain one: the same neighbours, the same numbers to the last bit."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from shortlist.models import neighbours
from shortlist.models.neighbours import nearest
from shortlist.models.similarity import NeighbourConfig, Population
from shortlist.models.sparse import best_per_row, keep_stored, row_of

MEASURES = ["adjusted_cosine", "bm25", "cooccurrence", "cosine", "jaccard", "lift", "pearson", "tfidf"]


def plain(by_place, settings, k):
    """The oracle: compare all with all through sparse products, then cut each row."""
    by_place = by_place.astype(np.float64)
    population = Population.of(by_place, settings.similarity)
    found = settings.alike(population, csr_array(by_place.T.tocsr()))
    found = best_per_row(keep_stored(found, found.indices != row_of(found)), k or by_place.shape[1])
    found.sort_indices()
    return found


def same(found, expected):
    assert np.array_equal(found.indptr, expected.indptr)
    assert np.array_equal(found.indices, expected.indices)
    assert np.array_equal(found.data, expected.data)


def ratings(places, vectors, share, seed=0, *, ones=False):
    rng = np.random.default_rng(seed)
    held = rng.uniform(size=(places, vectors)) < share * rng.uniform(0.2, 1.8, vectors)
    return csr_array(held * (1.0 if ones else rng.integers(1, 6, held.shape).astype(float)))


@pytest.fixture(params=["every pair once", "every vector with all"])
def way(request, monkeypatch):
    """Both ways of working, whatever the memory."""
    if request.param != "every pair once":
        monkeypatch.setattr(neighbours, "ROOM_BYTES", 0)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    "options", [{}, {"shrinkage": 3.0, "min_common": 2}, {"min_similarity": 0.1, "asymmetry": 0.2}]
)
@pytest.mark.parametrize("ones", [True, False])
def test_every_measure_gives_what_sparse_products_give(way, measure, options, ones):
    x = ratings(60, 40, 0.25, ones=ones)
    settings = NeighbourConfig(similarity=measure, **options)
    for k in (None, 1, 7, 100):
        same(nearest(x, settings, neighbours=k), plain(x, settings, k))


@pytest.mark.parametrize("measure", ["cosine", "cooccurrence", "pearson"])
def test_many_vectors_and_few_kept(way, measure):
    """Enough that the bound is guessed from a sample and rooms are cut many times; counts tie often."""
    x = ratings(80, 600, 0.15, ones=measure != "pearson")
    settings = NeighbourConfig(similarity=measure)
    for k in (1, 3, 40):
        expected = plain(x, settings, k)
        for threads in (1, 2, 3):
            same(nearest(x, settings, neighbours=k, threads=threads), expected)


def test_more_vectors_than_sixteen_bits_number(way):
    """Wide catalogues take wider numbers."""
    rng = np.random.default_rng(1)
    vectors = (1 << 16) + 100
    busy = np.r_[0, 5, vectors - 1]
    rows = np.stack([np.r_[busy, rng.choice(np.arange(6, vectors - 1), 40, replace=False)] for _ in range(30)])
    x = csr_array((np.ones(rows.size), (np.repeat(np.arange(30), 43), rows.ravel())), shape=(30, vectors))
    settings = NeighbourConfig()
    same(nearest(x, settings, neighbours=4), plain(x, settings, 4))


def test_equal_neighbours_at_the_cut_stay_by_number(way):
    x = csr_array(np.ones((3, 9)))
    found = nearest(x, NeighbourConfig(similarity="cooccurrence"), neighbours=2)
    assert [found.indices[found.indptr[i] : found.indptr[i + 1]].tolist() for i in (0, 1, 8)] == [
        [1, 2],
        [0, 2],
        [0, 1],
    ]


@pytest.mark.parametrize("shape", [(0, 0), (4, 0), (0, 4), (1, 1), (3, 1), (4, 5)])
def test_nothing_shared_gives_empty_rows(way, shape):
    x = csr_array(np.eye(*shape)) if min(shape) else csr_array(shape)
    for measure in MEASURES:
        found = nearest(x, NeighbourConfig(similarity=measure), neighbours=3)
        assert found.shape == (shape[1], shape[1])
        assert found.nnz == 0


def test_broken_and_negative_weights_make_no_neighbour_that_is_not_finite(way):
    x = ratings(30, 12, 0.5)
    x.data[::7] *= -1.0
    x.data[5] = np.nan
    for measure in MEASURES:
        assert np.isfinite(nearest(x, NeighbourConfig(similarity=measure), neighbours=5).data).all()


def test_progress_ends_at_the_number_of_vectors(way):
    told = []
    x = ratings(20, 15, 0.5)
    nearest(x, NeighbourConfig(), neighbours=5, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (15, 15)
