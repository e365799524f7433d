"""Updates under settings other than the defaults, and a catalogue of which a third is replaced."""

from dataclasses import replace

import numpy as np
import pytest

from shortlist.core.errors import SchemaMismatch
from shortlist.data.catalog import load
from shortlist.data.splits import split
from shortlist.evaluation.evaluator import evaluate
from shortlist.models import create
from shortlist.models.retrieval.trails import Trails
from shortlist.testing.models import UPDATE_CHECKS
from shortlist.testing.worlds import requests_for, small_log

SETTINGS = {
    "users are counted": ("popularity", {"count": "users"}),
    "values are counted": ("popularity", {"count": "value"}),
    "trending at now": ("trending", {"reference": "now"}),
    "rising at now": ("rising", {"reference": "now"}),
    "rising over short spans": ("rising", {"window_s": 7200.0, "baseline_s": 14400.0}),
    "votes at now": ("hacker_news", {"reference": "now"}),
    "arrivals at now": ("new_arrivals", {"reference": "now"}),
    "sessions": ("markov", {"max_gap_s": 40_000.0, "tie_break": "none"}),
    "several last items": ("markov", {"depth": 3}),
    "short pasts": ("trails", {"max_events": 4}),
    "few links": ("trails", {"neighbours": 3}),
    "few neighbours": ("item_knn", {"neighbours": 3}),
    "neighbours of the past": ("item_knn", {"neighbours": 3, "keep": "source", "similarity": "jaccard"}),
    "few links of short pasts": ("sar", {"neighbours": 3, "max_events": 4}),
    "baskets of a day": ("bought_together", {"neighbours": 2, "basket_gap_s": 86_400.0}),
    "fused by rank": ("fusion", {"models": ["trails", "popularity"], "scale": "rank"}),
}


@pytest.mark.parametrize("check", ["one_update_equals_many", "an_update_equals_a_refit"])
@pytest.mark.parametrize("label", SETTINGS)
def test_updates_under_other_settings(label, check):
    name, config = SETTINGS[label]
    UPDATE_CHECKS[check](lambda: create(name, **config))


def test_segments_go_on_counting():
    data = small_log()
    early = np.arange(data.n_events) < 300
    for config in ({}, {"count": "users"}, {"min_segment_events": 100}):
        model = create("popularity", segment="segment", **config).fit(data.select(early))
        model.update(data.interactions.take(~early))
        whole = create("popularity", segment="segment", **config).fit(data)
        requests = requests_for(data)
        np.testing.assert_allclose(model.score_block(requests), whole.score_block(requests))


@pytest.mark.real_data("ml-100k")
def test_replacing_a_third_of_the_catalogue_costs_no_quality():
    """30 % of the items arrive after the fit, event by event and in batches; lists are as good as after a refit."""
    try:
        data = load("ml-100k")
    except SchemaMismatch as error:
        pytest.skip(str(error))
    # Many ratings carry one second; late events would stand behind all of those instead of between them.
    events = data.interactions
    data = replace(data, interactions=replace(events, at=events.at + 1e-6 * np.arange(len(events))))
    parts = split(data, "leave-last-out")
    data = parts.train
    arrives = np.random.default_rng(0).permutation(data.n_items) < 0.3 * data.n_items
    late = arrives[data.interactions.item]
    whole = evaluate(Trails().fit(data), parts, metrics=("ndcg",), intervals=0)
    model = Trails().fit(data.select(~late))
    before = evaluate(model, parts, metrics=("ndcg",), intervals=0).metrics["ndcg@10"]
    events = data.interactions.take(late)
    for event in range(200):
        model.update(events.take(np.array([event])))
    model.update(events.take(np.arange(200, len(events))))
    after = evaluate(model, parts, metrics=("ndcg",), intervals=0)
    assert before < 0.8 * whole.metrics["ndcg@10"], "without updates the new third is out of reach"
    assert after.metrics == whole.metrics
    np.testing.assert_array_equal(after.slates, whole.slates)

    cut = Trails(neighbours=200).fit(data.select(~late)).update(events)
    fresh = evaluate(Trails(neighbours=200).fit(data), parts, metrics=("ndcg",), intervals=0).metrics["ndcg@10"]
    assert evaluate(cut, parts, metrics=("ndcg",), intervals=0).metrics["ndcg@10"] == pytest.approx(fresh, rel=0.03)
