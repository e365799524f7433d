"""NMF of ratings: nothing negative, every pass an improvement, and parts that come back."""

from dataclasses import replace

import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadRow
from shortlist.core.types import History, Requests
from shortlist.models.retrieval.nmf import Nmf, _descend
from tests.models.test_ratings import rated, two_camps

CTX = FitContext(seed=3, threads=1)


def test_nothing_is_negative():
    seen, _ = two_camps()
    model = Nmf().fit(seen, CTX)
    assert model.user_factors_.min() >= 0.0
    assert model.item_factors_.min() >= 0.0
    stranger = model.user_parameters(Requests.of([-1], history=History.of([[0, 2]])))[1]
    assert stranger.min() >= 0.0


def test_a_pass_never_makes_it_worse():
    rng = np.random.default_rng(0)
    indptr, other = np.array([0, 6, 6, 13]), np.concatenate([rng.choice(8, n, replace=False) for n in (6, 7)])
    value = rng.uniform(1, 5, 13).astype(np.float32)
    fixed, out = (rng.uniform(0, 1, (n, 4)).astype(np.float32) for n in (8, 3))
    row = np.repeat(np.arange(3), np.diff(indptr))

    def objective():
        gap = value - (out[row] * fixed[other]).sum(axis=1)
        return (gap**2).sum() + 0.1 * (np.diff(indptr)[:, None] * out**2).sum()

    before, idle = objective(), out[1].copy()
    for _ in range(10):
        _descend(0, 3, indptr, other, value, fixed, out, 0.1)
        assert objective() <= before + 1e-5
        before = objective()
    assert out.min() >= 0.0
    assert out[1].tolist() == idle.tolist(), "a row without ratings stays as it is"


def test_one_number_worked_out_by_hand():
    out = np.array([[1.0]], np.float32)
    _descend(0, 1, np.array([0, 2]), np.array([0, 1]), np.array([4.0, 2.0], np.float32),
             np.array([[2.0], [1.0]], np.float32), out, 0.5)  # fmt: skip
    # (4*2 + 2*1) / (2^2 + 1^2 + 0.5*2)
    assert out[0, 0] == pytest.approx(10 / 6)
    _descend(
        0, 1, np.array([0, 1]), np.array([0]), np.array([-4.0], np.float32), np.array([[2.0]], np.float32), out, 0.1
    )
    assert out[0, 0] == 0.0


def test_parts_come_back():
    """Two groups of items that are liked apart: each factor ends on one of them."""
    rows = [(u, i, 5.0 if u % 2 == i % 2 else 0.0) for u in range(20) for i in range(12)]
    model = Nmf(factors=2, reg=0.001, epochs=100).fit(rated(rows), CTX)
    first, second = model.item_factors_.T / model.item_factors_.max()
    sides = np.where(first > second, 0, 1)
    assert len(set(sides[::2])) == len(set(sides[1::2])) == 1
    assert np.minimum(first, second).max() < 0.01


def test_negative_ratings_are_refused_with_the_remedy():
    seen, _ = two_camps()
    below = replace(seen, interactions=replace(seen.interactions, value=seen.interactions.value - 3))
    with pytest.raises(BadRow, match="svd"):
        Nmf().fit(below, CTX)
