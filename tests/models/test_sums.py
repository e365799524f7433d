import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from shortlist.core.errors import StageError
from shortlist.core.order import keep_best
from shortlist.core.types import History, Requests
from shortlist.models.sparse import evidence_block
from shortlist.models.sums import SumModel, best_sums, sum_block


def tables(seed, n=60, r=80, m=300, density=0.08):
    """Both signs, coarse values: sums that tie and sums that cancel."""
    rng = np.random.default_rng(seed)
    parts = []
    for shape, share in (((n, r), 0.1), ((r, m), density)):
        table = random_array(shape, density=share, rng=rng, format="csr")
        table.data = rng.integers(-2, 4, table.nnz).astype(float) * (0.1 if seed % 2 else 1.0)
        parts.append(csr_array(table))
    return parts


@pytest.mark.parametrize("seed", range(6))
def test_a_block_is_the_sparse_product_bit_for_bit(seed):
    left, right = tables(seed)
    np.testing.assert_array_equal(sum_block(left, right), evidence_block(left @ right))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("k", [1, 7, 400])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("density", [0.005, 0.08])
def test_lists_are_those_of_the_sorted_block(seed, k, threads, density):
    left, right = tables(seed, density=density)
    rng = np.random.default_rng(seed)
    past = History.of([rng.integers(-3, 305, rng.integers(0, 90)).tolist() for _ in range(60)])
    for exclude in (None, past):
        block = evidence_block(left @ right)
        if exclude is not None:
            inside = (exclude.item >= 0) & (exclude.item < 300)
            block[exclude.row[inside], exclude.item[inside]] = np.nan
        row, item = np.nonzero(np.isfinite(block))
        best = keep_best(row, block[row, item], item, k)
        expected = [item[best][row[best] == b].tolist() for b in range(60)]
        item, score, found = best_sums(left, right, k, exclude=exclude, threads=threads)
        assert [item[b, : found[b]].tolist() for b in range(60)] == expected
        assert all((score[b, : found[b]] == block[b, item[b, : found[b]]].astype(np.float32)).all() for b in range(60))


def test_entries_are_the_models_own_business():
    with pytest.raises(StageError, match="entries"):
        SumModel().entries(Requests.of([0]))
