"""The two-step walk on four users, worked out by hand."""

import numpy as np
import pytest

from shortlist.core.types import History, Requests
from shortlist.models.retrieval.rp3beta import Rp3Beta
from shortlist.testing.worlds import dataset_of, small_log

# u0: a b c · u1: a b · u2: b · u3: c d, with a user's repeat of b that counts once.
EVENTS = [(0, 0, 1), (0, 1, 2), (0, 1, 3), (0, 2, 4), (1, 0, 1), (1, 1, 2), (2, 1, 1), (3, 2, 1), (3, 3, 2)]


def ask(*items):
    return Requests.of([-1], history=History.of([list(items)]))


def fitted(**config):
    return Rp3Beta(**config).fit(dataset_of(EVENTS, n_users=4, n_items=5))


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_scores_follow_the_formula(beta):
    n = {0: 2, 1: 3, 2: 2, 3: 1}
    block = fitted(beta=beta).score_block(ask(0))[0]
    damp = {j: n[0] ** (1 - beta) * n[j] ** beta for j in n}
    expected = [np.nan, (1 / 3 + 1 / 2) / damp[1], (1 / 3) / damp[2], np.nan, np.nan]
    np.testing.assert_allclose(block, expected, rtol=1e-6)


def test_past_items_add_up_once_each():
    model = fitted()
    a, c = model.score_block(ask(0))[0], model.score_block(ask(2))[0]
    both = model.score_block(ask(0, 2, 0))[0]
    np.testing.assert_allclose(both, np.where(np.isnan(a) & np.isnan(c), np.nan, np.nansum([a, c], axis=0)), rtol=1e-6)


def test_equals_the_matrix_form_on_a_log():
    data, beta = small_log(), 0.4
    x = data.matrix().toarray().astype(np.float64)
    walk = x.T @ (x / x.sum(axis=1, keepdims=True))
    np.fill_diagonal(walk, 0.0)
    n = x.sum(axis=0)
    expected = x @ (walk / n[:, None] ** (1 - beta)) / n**beta
    model = Rp3Beta(beta=beta).fit(data)
    users = np.arange(data.n_users)
    block = model.score_block(Requests.of(users, history=data.histories(users)))
    np.testing.assert_allclose(block, np.where(expected > 0, expected, np.nan), rtol=1e-5)


def test_recent_items_can_weigh_more():
    plain, recent = fitted(), fitted(decay=0.5)
    np.testing.assert_allclose(recent.score_block(ask(3, 0))[0, 1], plain.score_block(ask(0))[0, 1])
    np.testing.assert_allclose(recent.score_block(ask(0, 3))[0, 1], plain.score_block(ask(0))[0, 1] / 2, rtol=1e-6)
