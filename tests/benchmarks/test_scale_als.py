"""The out-of-core ALS run, small: files are mapped, the objective falls, nothing is left behind."""

import json
from itertools import pairwise

import numpy as np

from benchmarks import scale_als


def test_sweeps_over_mapped_files_lower_the_objective(tmp_path, capsys):
    sizes = ["--users", "300", "--items", "200", "--entries", "6000", "--factors", "8", "--epochs", "3"]
    scale_als.main([str(tmp_path), *sizes])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    seen = [line["value"] for line in lines if line["step"] == "objective"]
    assert len(seen) == 3
    assert (np.diff(seen) < 0).all()
    assert all(line["resident_mb"] > line["anonymous_mb"] >= 0 for line in lines[1:])
    assert not list(tmp_path.iterdir())


def test_users_are_drawn_distinct_sorted_items():
    indptr = scale_als.lengths(50, 200, 600)
    indices = np.empty(indptr[-1], np.int32)
    scale_als.draw(indptr, indices, 200)
    for start, stop in pairwise(indptr):
        assert (np.diff(indices[start:stop]) > 0).all()
    assert 0 <= indices.min() <= indices.max() < 200
    assert abs(indptr[-1] - 600) < 60
