"""Trails on three short walks, worked out by hand, and on a world where only order knows the answer."""

import numpy as np
import pytest

from shortlist.core.types import History, Requests
from shortlist.models.retrieval.trails import Trails
from shortlist.testing.worlds import dataset_of, planted_cycle, requests_for, small_log

# u0: a b c · u1: a c b · u2: c d
EVENTS = [(0, 0, 1), (0, 1, 2), (0, 2, 3), (1, 0, 1), (1, 2, 2), (1, 1, 3), (2, 2, 1), (2, 3, 2)]


def ask(*items):
    return Requests.of([-1], history=History.of([list(items)]))


def fitted(**config):
    return Trails(**config).fit(dataset_of(EVENTS, n_users=3, n_items=5))


def test_scores_follow_the_formula():
    block = fitted(beta=0.2, gap_power=0.5, order_weight=2.0, window=5).score_block(ask(0))[0]
    near, far = 2.0, 2.0 * 2**-0.5
    together = 1 / 3 + 1 / 3
    expected = [
        np.nan,
        (together + near + far) / (2**0.8 * 2**0.2),
        (together + near + far) / (2**0.8 * 3**0.2),
        np.nan,
        np.nan,
    ]
    np.testing.assert_allclose(block, expected, rtol=1e-6)


def test_what_came_before_is_company_but_not_a_successor():
    block = fitted(beta=1.0, order_weight=1.0, gap_power=0.0).score_block(ask(3))[0]
    np.testing.assert_allclose(block, [np.nan, np.nan, (1 / 2) / 3, np.nan, np.nan], rtol=1e-6)


def test_the_window_ends_the_trail():
    short = fitted(window=1, gap_power=0.0, beta=0.0).score_block(ask(0))[0]
    np.testing.assert_allclose(short[1:3], [(2 / 3 + 1) / 2, (2 / 3 + 1) / 2], rtol=1e-6)


def test_recent_events_weigh_most():
    one = {item: fitted().score_block(ask(item))[0] for item in (0, 2)}
    harmonic = fitted().score_block(ask(0, 2))[0]
    np.testing.assert_allclose(harmonic[1], one[2][1] + one[0][1] / 2, rtol=1e-6)
    geometric = fitted(decay=0.25, age_power=0.0).score_block(ask(0, 2))[0]
    np.testing.assert_allclose(geometric[1], one[2][1] + one[0][1] / 4, rtol=1e-6)


def test_every_visit_of_an_item_is_read():
    once, twice = fitted().score_block(ask(0))[0], fitted().score_block(ask(0, 0))[0]
    np.testing.assert_allclose(twice, once * 1.5, rtol=1e-6)


def test_the_planted_cycle_is_found():
    world = planted_cycle()
    model = Trails().fit(world.data, world.ctx)
    block = model.score_block(world.requests)
    block[world.requests.history.row, world.requests.history.item] = np.nan
    assert np.nanargmax(block, axis=1).tolist() == world.answer


def test_reasons_add_up_to_the_score():
    data = small_log()
    model = Trails().fit(data)
    request = requests_for(data).take(np.array([5]))
    block = model.score_block(request)[0]
    item = int(np.nanargmax(block))
    reasons = model.explain(request, item)
    assert set(reasons) <= set(request.history.item.tolist())
    assert sum(reasons.values()) == pytest.approx(float(block[item]), rel=1e-6)
    assert model.explain(request, data.n_items) is None
    assert model.explain(ask(), item) == {}
