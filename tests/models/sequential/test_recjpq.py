import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.models.sequential.recjpq import RecJpq, balanced_codes
from shortlist.models.sequential.sasrec import SasRec
from shortlist.testing.worlds import small_log

CTX = FitContext(seed=3, threads=1)


def test_codes_fill_every_bucket_equally_and_put_like_items_together():
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(60), 8)
    item = rng.integers(0, 20, len(user)) + 20 * (user % 2)  # two groups of users, each with items of its own
    codes = balanced_codes(user, item, 60, 40, splits=3, buckets=4)
    assert codes.shape == (42, 3)
    assert codes[0].tolist() == [0, 0, 0]
    assert codes[1].tolist() == [1, 1, 1]
    for m in range(3):
        assert np.bincount(codes[2:, m])[2:].tolist() == [10, 10, 10, 10]
    # One direction tells the groups apart: all items of the first lie in buckets 2 and 3, or all in 4 and 5.
    assert any(len(set(codes[2:22, m] // 4)) == 1 for m in range(3))
    again = balanced_codes(user, item, 60, 40, splits=3, buckets=4)
    assert np.array_equal(codes, again)


def test_more_splits_than_the_data_has_directions():
    codes = balanced_codes(np.array([0, 1]), np.array([0, 1]), 2, 2, splits=4, buckets=2)
    assert codes[2:].min() >= 2


def test_the_table_is_smaller():
    settings = {"epochs": 1, "factors": 16, "max_len": 8}
    whole = SasRec(**settings).fit(small_log(), CTX)
    coded = RecJpq(splits=4, buckets=4, **settings).fit(small_log(), CTX)

    def size(model):
        return sum(p.numel() for p in model.module_.items.parameters())

    assert size(whole) == 34 * 16
    assert size(coded) == 4 * 6 * 4


def test_splits_divide_the_factors():
    with pytest.raises(BadConfig, match="divide"):
        RecJpq(splits=7, epochs=1).fit(small_log(), CTX)
