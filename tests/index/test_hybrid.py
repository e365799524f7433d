import numpy as np
import pytest

from shortlist.core.errors import BadRequest, BundleMismatch
from shortlist.core.types import Hits
from shortlist.index.exact import Exact
from shortlist.index.hybrid import fuse, search_both
from shortlist.index.text import TextIndex


def hits(*rows):
    row = [b for b, items in enumerate(rows) for _ in items]
    item = [i for items in rows for i in items]
    return Hits(np.array(row, np.int32), np.array(item, np.int64), np.zeros(len(item), np.float32))


def test_known_sums():
    fused = fuse([hits([5, 7], [1]), hits([7, 9], [2])], 10)
    assert fused.row.tolist() == [0, 0, 0, 1, 1]
    # 7 is second and first; 5 first; 9 second. In request 1 both lead a list: the smaller id wins.
    assert fused.item.tolist() == [7, 5, 9, 1, 2]
    np.testing.assert_allclose(fused.score[:3], [1 / 62 + 1 / 61, 1 / 61, 1 / 62], rtol=1e-6)


def test_weights_and_k():
    fused = fuse([hits([1, 2]), hits([3, 4])], 2, weights=[1.0, 5.0])
    assert fused.item.tolist() == [3, 4]
    assert len(fuse([hits([1, 2]), hits([3])], 0)) == 0


def test_nothing_to_merge():
    assert len(fuse([], 5)) == 0
    assert len(fuse([hits([]), hits([])], 5)) == 0


@pytest.mark.parametrize(
    ("lists", "options"),
    [(1, {"weights": [1.0, 2.0]}), (1, {"weights": [-1.0]}), (1, {"weights": [float("nan")]}), (1, {"offset": -1.0})],
)
def test_impossible_settings(lists, options):
    with pytest.raises(BadRequest):
        fuse([hits([1])] * lists, 3, **options)


def test_words_and_vectors_together():
    words = TextIndex(["red shoe", "red hat", "blue shoe", "green tea"])
    vectors = Exact().build(np.eye(4, dtype=np.float32), fingerprint="m1")
    found = search_both(words, vectors, "red shoe", np.array([0.5, 0.1, 0.9, 0.0]), 4)
    # Item 0 is first in words and second in vectors, item 2 the other way round or worse.
    assert found.item[0] == 0
    assert set(found.item[:2].tolist()) == {0, 2}
    only = search_both(words, vectors, "red shoe", np.ones(4), 4, allowed=np.array([False, True, False, True]))
    assert set(only.item.tolist()) == {1, 3}
    with pytest.raises(BundleMismatch):
        search_both(words, vectors, "red", np.ones(4), 4, fingerprint="m2")
