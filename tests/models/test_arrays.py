import numpy as np
import pytest
from scipy.sparse import csr_array

from shortlist.core.errors import BundleCorrupt, StageError
from shortlist.models.arrays import read_state, write_state


def test_what_was_written_comes_back(tmp_path):
    matrix = csr_array(np.array([[0, 2.0], [1.0, 0]], np.float32))
    state = {"a_": np.arange(3), "m_": matrix, "n_": 4, "names_": ["x", "y"], "d_": {"k": 1.5}}
    write_state(tmp_path, state)
    back = read_state(tmp_path)
    assert back["a_"].tolist() == [0, 1, 2]
    assert (back["m_"] != matrix).nnz == 0
    assert back["m_"].dtype == np.float32
    assert (back["n_"], back["names_"], back["d_"]) == (4, ["x", "y"], {"k": 1.5})


def test_objects_are_refused_rather_than_pickled(tmp_path):
    with pytest.raises(StageError, match="objects"):
        write_state(tmp_path, {"bad_": np.array([object()])})
    with pytest.raises(StageError, match="JSON"):
        write_state(tmp_path, {"bad_": object()})


@pytest.mark.parametrize("size", [0, 10, 100])
def test_a_truncated_file_is_corrupt(tmp_path, size):
    write_state(tmp_path, {"a_": np.arange(1000)})
    path = tmp_path / "arrays.npz"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(BundleCorrupt):
        read_state(tmp_path)
