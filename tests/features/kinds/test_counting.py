"""Kinds that read the folded state, by hand."""

import numpy as np
import pytest

from shortlist.core.errors import BadSpec
from shortlist.features.spec import make_feature

NOW = 1_000_000.0
NAN = float("nan")


def click(at, user=0, item=1, kind="click", value=1.0, position=-1):
    return (at, user, item, kind, value, position)


def shown(at, item, position):
    return click(at, 0, item, "impression", 1.0, position)


def test_count_of_items_users_and_pairs(columns):
    facts = [click(NOW - 10), click(NOW - 5_000), click(NOW - 20, item=2), click(NOW, item=2), shown(NOW - 5, 1, 0)]
    found = columns(
        {"kind": "count", "window": "1h"},
        {"kind": "count", "events": ["impression"]},
        {"kind": "count", "owner": "user", "window": "24h"},
        {"kind": "count", "owner": "pair"},
        {"kind": "count", "owner": "pair", "window": "1h"},
        items=[[1, 2, 3], [1]], user=[0, -1], facts=facts,
        past=[[(1, NOW - 5_000), (2, NOW - 20), (1, NOW - 10)], []],
    )  # fmt: skip
    assert found["f"].tolist() == [1, 1, 0, 1]
    assert found["f1"].tolist() == [1, 0, 0, 1]
    assert found["f2"].tolist() == [3, 3, 3, 0]
    assert found["f3"].tolist() == [2, 1, 0, 0]
    assert found["f4"].tolist() == [1, 1, 0, 0]


def test_sum_adds_values_in_a_window(columns):
    facts = [click(NOW - 10, value=2.5), click(NOW - 20, value=4.0), click(NOW - 9_000, value=100.0)]
    found = columns({"kind": "sum", "window": "1h", "events": ["click"]}, items=[[1, 2]], facts=facts)
    assert found.tolist() == [6.5, 0.0]


def test_rate_is_pulled_to_the_prior_or_to_everybodys_rate(columns):
    facts = [*(shown(NOW - 9, 1, p) for p in range(8)), shown(NOW - 9, 2, 0), shown(NOW - 9, 2, 1),
             click(NOW - 5), click(NOW - 5), click(NOW - 5, item=2)]  # fmt: skip
    found = columns(
        {"kind": "rate", "prior_rate": 0.5, "prior_strength": 2},
        {"kind": "rate", "prior_strength": 10},
        {"kind": "rate", "prior_strength": 0},
        items=[[1, 2, 3]],
        facts=facts,
    )
    assert found["f"].tolist() == pytest.approx([3 / 10, 2 / 4, 0.5])
    everybody = 3 / 10
    assert found["f1"].tolist() == pytest.approx([(2 + 3) / 18, (1 + 3) / 12, everybody])
    assert found["f2"].tolist() == pytest.approx([0.25, 0.5, NAN], nan_ok=True)


def test_rate_of_users(columns):
    facts = [shown(NOW - 9, 1, 0), shown(NOW - 9, 2, 1), click(NOW - 5)]
    settings = {"kind": "rate", "owner": "user", "prior_strength": 1, "prior_rate": 0.0}
    assert columns(settings, items=[[1], [1]], user=[0, 5], facts=facts).tolist() == pytest.approx([1 / 3, 0.0])


def test_conversion_is_purchases_per_click(columns):
    facts = [click(NOW - 9), click(NOW - 8), click(NOW - 7, kind="purchase")]
    found = columns({"kind": "conversion", "prior_strength": 2, "prior_rate": 0.25}, items=[[1, 2]], facts=facts)
    assert found.tolist() == pytest.approx([1.5 / 4, 0.25])


def test_debiased_ctr_does_not_punish_the_bottom_of_the_page(columns):
    """One click in four showings each; item 2 was shown at the fourth place, where one in four looks."""
    facts = [*(shown(NOW - 9, 1, 0) for _ in range(4)), *(shown(NOW - 9, 2, 3) for _ in range(4)),
             click(NOW - 5), click(NOW - 5, item=2)]  # fmt: skip
    assert columns({"kind": "debiased_ctr", "prior_strength": 0}, items=[[1, 2]], facts=facts).tolist() == [0.25, 1.0]


def test_debiased_ctr_recovers_planted_attractions():
    """Clicks = attraction x (place + 1)^-1, places drawn at random: the planted attractions come back within 5 %."""
    from shortlist.features.facts import Facts
    from shortlist.features.measures import Query
    from shortlist.features.state import FeatureState

    rng, n = np.random.default_rng(0), 200_000
    attraction = np.array([0.9, 0.6, 0.3])
    item, place = rng.integers(0, 3, n), rng.integers(0, 10, n)
    hit = rng.random(n) < attraction[item] / (place + 1.0)
    zeros = np.zeros(n, np.int64)
    seen = Facts(np.arange(n) * 1.0, zeros, item, zeros, np.ones(n), place, ("impression",))
    done = Facts(seen.at[hit], zeros[hit], item[hit], zeros[hit], np.ones(hit.sum()), zeros[hit] - 1, ("click",))
    kind = make_feature({"name": "f", "kind": "debiased_ctr"})
    state = FeatureState(Facts.joined([seen, done]))
    clicks, looks = kind.pair("item")
    state.need([clicks.measure, looks.measure])
    found = state.read("item", np.arange(3), np.full(3, 1e9), [Query(clicks.measure), Query(looks.measure)])
    assert found[:, 0] / found[:, 1] == pytest.approx(attraction, rel=0.05)


def test_recency_of_items_users_and_pairs(columns):
    facts = [click(NOW - 50), click(NOW - 20), click(NOW), click(NOW - 5, item=2, kind="view")]
    past = [[(1, NOW - 50), (1, NOW - 20), (2, NOW - 5)], []]
    found = columns(
        {"kind": "recency", "events": ["click"]},
        {"kind": "recency", "owner": "user"},
        {"kind": "recency", "owner": "pair", "default": -1.0},
        items=[[1, 2], [1]], user=[0, 4], facts=facts, past=past,
    )  # fmt: skip
    assert found["f"].tolist() == pytest.approx([20.0, NAN, 20.0], nan_ok=True)
    assert found["f1"].tolist() == pytest.approx([5.0, 5.0, NAN], nan_ok=True)
    assert found["f2"].tolist() == [20.0, 5.0, -1.0]


def test_decayed_halves_with_every_half_life(columns):
    facts = [click(NOW - 3_600), click(NOW - 7_200, value=8.0)]
    found = columns(
        {"kind": "decayed", "half_life": "1h"}, {"kind": "decayed", "half_life": 3600.0, "value": True},
        items=[[1, 2]], facts=facts,
    )  # fmt: skip
    assert found["f"].tolist() == pytest.approx([0.75, 0.0])
    assert found["f1"].tolist() == pytest.approx([0.5 + 2.0, 0.0])


def test_spans_that_make_no_sense_are_refused():
    for settings in ({"kind": "decayed", "half_life": 0.0}, {"kind": "decayed", "half_life": "soon"},
                     {"kind": "count", "window": "1y"}):  # fmt: skip
        with pytest.raises(BadSpec):
            make_feature({"name": "f", **settings})
