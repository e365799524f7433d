"""SVD++ against its definition, rating by rating, and what it reads in a history."""

import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.types import History, Requests
from shortlist.models.retrieval.svd_pp import SvdPp, _pass
from shortlist.testing.worlds import requests_for
from tests.models.test_ratings import rated, two_camps

CTX = FitContext(seed=3, threads=1)


def plain_pass(user, item, value, user_bias, item_bias, own, q, second, rate, reg):
    """The definition: after every rating every second vector of its user takes a step."""
    for u, i, r in zip(user, item, value, strict=True):
        mine = item[user == u]
        root = np.sqrt(len(mine))
        whole = own[u] + second[mine].sum(axis=0) / root
        gap = r - user_bias[u] - item_bias[i] - whole @ q[i]
        taken = q[i].copy()
        user_bias[u] += rate * (gap - reg * user_bias[u])
        item_bias[i] += rate * (gap - reg * item_bias[i])
        own[u], q[i] = own[u] + rate * (gap * taken - reg * own[u]), taken + rate * (gap * whole - reg * taken)
        second[mine] += rate * (gap * taken / root - reg * second[mine])


def test_a_pass_is_what_the_definition_says():
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(4), [5, 1, 0, 7])
    item = np.concatenate([rng.choice(8, n, replace=False) for n in (5, 1, 7)])
    value = rng.normal(size=13)
    parts = [rng.normal(size=s) for s in [4, 8, (4, 3), (8, 3), (8, 3)]]
    single = [part.astype(np.float32) for part in parts]
    indptr = np.array([0, 5, 6, 6, 13])
    for _ in range(3):
        plain_pass(user, item, value, *parts, 0.05, 0.1)
        _pass(np.arange(13), user, item, value.astype(np.float32), indptr, *single, 0.05, 0.1)
    for exact, ours in zip(parts, single, strict=True):
        assert ours == pytest.approx(exact, rel=1e-4, abs=1e-5)


def test_meeting_an_item_at_all_says_something():
    """Everybody rates the common items 3; who also met item 0 gives 5 to item 9, who met item 1 gives 1."""
    rows = []
    for u in range(60):
        rows += [(u, 2 + (u + k) % 6, 3) for k in range(3)] + [(u, u % 2, 3)]
        if u < 50:
            rows.append((u, 9, 5 - 4 * (u % 2)))
    model = SvdPp(epochs=100, reg=0.02).fit(rated(rows), CTX)
    assert model.predict_many(np.arange(50, 60), np.full(10, 9))[::2].min() > 3.5
    assert model.predict_many(np.arange(50, 60), np.full(10, 9))[1::2].max() < 2.5
    strangers = Requests.of([-1, -1], history=History.of([[0], [1]]))
    first, second = model.score_block(strangers)[:, 9]
    assert first > second + 1.0


def test_a_fresh_event_counts_for_users_of_the_fit():
    seen, _ = two_camps()
    model = SvdPp().fit(seen, CTX)
    as_of_the_fit = requests_for(seen, [4])
    shorter = as_of_the_fit.with_history(as_of_the_fit.history.last(3))
    assert model.score_block(shorter).tobytes() != model.score_block(as_of_the_fit).tobytes()
    whole = model.user_parameters(as_of_the_fit)[1][0]
    assert whole == pytest.approx(model.user_factors_[4], rel=1e-5, abs=1e-6)
