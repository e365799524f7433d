import numpy as np
from scipy.sparse import csr_array

from shortlist.core.types import History
from shortlist.models.sparse import best_per_row, evidence_block, keep_stored, row_of, weighted_matrix


def test_weights_of_repeated_items_add_up_and_the_history_is_left_alone():
    history = History.of([[2, 0, 2], []])
    before = history.item.copy()
    matrix = weighted_matrix(history, 3, np.array([1.0, 2.0, 4.0]))
    assert matrix.toarray().tolist() == [[2.0, 0.0, 5.0], [0.0, 0.0, 0.0]]
    assert history.item.tolist() == before.tolist()


def test_block_tells_a_score_of_zero_from_no_evidence():
    matrix = csr_array((np.array([0.0, 3.0]), (np.array([0, 1]), np.array([1, 0]))), shape=(2, 2))
    np.testing.assert_array_equal(evidence_block(matrix), [[np.nan, 0.0], [3.0, np.nan]])


def test_best_per_row_keeps_the_smaller_column_of_equals():
    rows = csr_array(np.array([[1.0, 2.0, 2.0, 2.0], [5.0, 0.0, 0.0, 0.0]]))
    assert best_per_row(rows, 2).toarray().tolist() == [[0, 2, 2, 0], [5, 0, 0, 0]]
    assert best_per_row(csr_array((0, 3)), 2).shape == (0, 3)


def test_keep_stored_and_row_of_agree_on_the_layout():
    rows = csr_array(np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 0.0], [3.0, 4.0, 0.0]]))
    assert row_of(rows).tolist() == [0, 0, 2, 2]
    assert keep_stored(rows, rows.data > 1).toarray().tolist() == [[0, 0, 2], [0, 0, 0], [3, 4, 0]]
