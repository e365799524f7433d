import numpy as np
import pytest
from scipy.sparse import csr_array

from shortlist.models.similarity import Population

OPEN = {"shrinkage": 0.0, "min_similarity": -2.0, "min_common": 1}


def alike(vectors, measure, **options):
    """Similarities of the rows of a dense matrix to one another."""
    rows = csr_array(np.asarray(vectors, float))
    return Population.of(rows.T.tocsr(), measure).alike(rows, measure, **{**OPEN, **options}).toarray()


def pearson_by_hand(x, y):
    """The oracle: correlation over the places where both are rated."""
    both = (x != 0) & (y != 0)
    if both.sum() < 2 or np.ptp(x[both]) == 0 or np.ptp(y[both]) == 0:
        return 0.0
    return np.corrcoef(x[both], y[both])[0, 1]


def test_cosine_of_weights():
    found = alike([[3, 4, 0], [4, 3, 0], [0, 0, 2]], "cosine")
    np.testing.assert_allclose(found, [[1, 0.96, 0], [0.96, 1, 0], [0, 0, 1]])


def test_jaccard_counts_places_not_weights():
    found = alike([[3, 4, 0, 1], [9, 0, 0, 1]], "jaccard")
    np.testing.assert_allclose(found, [[1, 2 / 3], [2 / 3, 1]])


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_pearson_over_common_places_equals_the_definition_whatever_the_offset(offset):
    rng = np.random.default_rng(4)
    ratings = np.where(rng.uniform(size=(12, 9)) < 0.6, rng.integers(1, 6, (12, 9)) + offset, 0.0)
    expected = [[pearson_by_hand(x, y) for y in ratings] for x in ratings]
    np.testing.assert_allclose(alike(ratings, "pearson"), expected, atol=1e-6)


def test_constant_raters_agree_with_nobody():
    assert not alike([[3, 3, 3], [1, 2, 3]], "pearson")[0].any()


def test_shrinkage_and_thresholds():
    vectors = [[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 1]]
    assert alike(vectors, "cosine", shrinkage=2.0)[0, 1] == pytest.approx(2 / 4)
    assert alike(vectors, "cosine", min_common=2)[0, 2] == 0
    assert alike(vectors, "cosine", min_similarity=0.5)[0].tolist() == pytest.approx([1, 1, 0])


def test_opposite_weights_that_cancel_count_as_known_and_unlike():
    found = alike([[1, -1], [1, 1]], "cosine", min_similarity=-0.5)
    assert found[0, 1] == 0
    assert found[1, 1] == pytest.approx(1)


def test_counts_in_common_and_lift_over_chance():
    vectors = [[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1]]
    np.testing.assert_allclose(alike(vectors, "cooccurrence"), [[2, 2, 0], [2, 3, 1], [0, 1, 2]])
    # Four places in use: chance would give 2 * 3 / 4 in common.
    np.testing.assert_allclose(alike(vectors, "lift")[0], [2 * 4 / 4, 2 * 4 / 6, 0])


def test_asymmetry_moves_the_division_from_one_vector_to_the_other():
    vectors = [[1, 1, 1, 1], [1, 0, 0, 0]]
    found = alike(vectors, "cosine", asymmetry=0.25)
    assert found[0, 1] == pytest.approx(1 / (4**0.25 * 1))
    assert found[1, 0] == pytest.approx(1 / 4**0.75)


def test_rare_places_say_more_with_tfidf():
    vectors = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1]])
    rarity = np.log(1 + 3 / np.array([3, 2, 2]))
    weighted = vectors * rarity
    length = np.linalg.norm(weighted, axis=1)
    np.testing.assert_allclose(alike(vectors, "tfidf"), weighted @ weighted.T / np.outer(length, length))


def test_bm25_saturates_and_damps_long_vectors():
    vectors = np.array([[1, 3, 0, 1], [1, 0, 0, 0], [2, 1, 5, 1]], float)
    size = vectors.sum(axis=1, keepdims=True)
    damping = 100.0 * (1 - 0.8 + 0.8 * size / size.mean())
    weighted = np.log(1 + 3 / (vectors > 0).sum(axis=0)) * vectors * 101.0 / (vectors + damping)
    np.testing.assert_allclose(alike(vectors, "bm25"), weighted @ weighted.T)


def test_adjusted_cosine_takes_off_the_mean_of_each_place():
    rng = np.random.default_rng(5)
    ratings = np.where(rng.uniform(size=(10, 12)) < 0.7, rng.integers(1, 6, (10, 12)), 0).astype(float)
    rated = ratings > 0
    moved = np.where(rated, ratings - ratings.sum(axis=0) / rated.sum(axis=0), 0.0)
    dot = moved @ moved.T
    left = moved**2 @ rated.T
    expected = dot / np.sqrt(left * left.T)
    np.testing.assert_allclose(alike(ratings, "adjusted_cosine"), expected, atol=1e-9)


def test_nobody_deviates_where_all_agree():
    assert not alike([[4, 4, 4], [4, 4, 4]], "adjusted_cosine").any()
