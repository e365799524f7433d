"""Evaluation of models and lists: the rules that decide what a figure means."""

from __future__ import annotations

import numpy as np
import pytest

from shortlist.core import registry
from shortlist.core.errors import BadConfig, BadRequest, LeakDetected, NotFitted, UnknownName
from shortlist.core.types import Hits
from shortlist.data.splits import split
from shortlist.evaluation.evaluator import evaluate
from shortlist.evaluation.result import compare
from shortlist.models.retrieval.popularity import Popularity
from shortlist.models.retrieval.random import Random
from tests.evaluation.worlds import Fixed, fixed, noise, world

# User 0 had items 0, 1 and is asked for 2; user 1 had 0 and is asked for 3.
TWO = [(0, 0), (1, 0), (0, 1), (0, 2), (1, 3)]


@pytest.fixture
def two():
    data = world(TWO, n_items=6)
    return data, split(data, "leave-last-out")


def test_full_ranking_by_hand(two):
    data, made = two
    result = evaluate(fixed(data, [9, 8, 7, 6, 5, 4]), made, 3)
    # Seen items gone, user 0 gets 2, 3, 4 and user 1 gets 1, 2, 3.
    assert result.slates.tolist() == [[2, 3, 4], [1, 2, 3]]
    assert result.per_user["mrr@3"].tolist() == pytest.approx([1.0, 1 / 3])
    assert result.metrics["recall@3"] == 1.0
    assert result.rules == {"ranking": "full", "filter_seen": True, "ties": "pessimistic", "candidates": "catalogue"}


def test_seen_items_stay_when_asked_and_the_result_says_so(two):
    data, made = two
    result = evaluate(fixed(data, [9, 8, 7, 6, 5, 4]), made, 3, filter_seen=False)
    assert result.slates.tolist() == [[0, 1, 2], [0, 1, 2]]
    assert result.rules["filter_seen"] is False


def test_saying_the_same_of_everything_scores_nothing(two):
    data, made = two
    constant = fixed(data, [1.0] * 6)
    assert evaluate(constant, made, 3).metrics["recall@3"] == 0.0
    # Four and five items are left; random orders find the target in three of them at 3/4 and 3/5.
    assert evaluate(constant, made, 3, ties="mean").metrics["recall@3"] == pytest.approx(0.675, abs=0.12)
    assert evaluate(constant, made, 5).metrics["recall@5"] == 1.0


def test_ties_at_the_cut_go_to_the_others(two):
    data, made = two
    # Item 2 ties with 4 and 5 for the two last places of user 0.
    assert evaluate(fixed(data, [0, 0, 1, 2, 1, 1]), made, 3).slates[0].tolist() == [3, 4, 5]
    assert evaluate(fixed(data, [0, 0, 1, 2, 1, 1]), made, 3, ties="served").slates[0].tolist() == [3, 2, 4]


def test_the_random_model_gets_what_chance_gives():
    """C3 c: 2,000 users, one target each; three standard errors of a share around the closed form."""
    made = split(noise(2_000, 30, 6), "leave-last-out")
    result = evaluate(Random().fit(made.train), made, 10)
    chance = result.chance["recall@10"]
    assert 0.2 < chance < 0.6
    assert abs(result.metrics["recall@10"] - chance) < 3 * (chance * (1 - chance) / 2_000) ** 0.5
    assert result.metrics["ndcg@10"] == pytest.approx(result.chance["ndcg@10"], rel=0.1)


def test_random_orders_of_ties_have_the_right_mean():
    data = noise(400, 30, 6)
    made = split(data, "leave-last-out")
    result = evaluate(fixed(data, [0.0] * 30), made, 10, ties="mean")
    assert result.metrics["recall@10"] == pytest.approx(result.chance["recall@10"], abs=0.02)


@pytest.mark.parametrize("nothing", [np.nan, np.inf, -np.inf])
def test_without_evidence_an_item_is_not_retrieved(two, nothing):
    data, made = two
    result = evaluate(fixed(data, [nothing, nothing, nothing, 1.0, nothing, nothing]), made, 3)
    assert result.slates.tolist() == [[3, -1, -1], [3, -1, -1]]
    assert evaluate(fixed(data, [nothing] * 6), made, 3).notes["empty_lists"] == 2


def test_items_newer_than_the_model_are_never_shown(two):
    data, made = two
    assert evaluate(fixed(data, [1.0, 1.0, 1.0]), made, 6).slates.max() == 2


def test_random_equals_its_expectation_in_closed_form():
    data = noise(3000, 40, 5)
    result = evaluate(Random().fit(data), split(data, "leave-last-out"), 10)
    for name in ("recall@10", "ndcg@10", "map@10", "mrr@10", "precision@10", "hit_rate@10"):
        error = np.std(result.per_user[name]) / np.sqrt(3000)
        assert abs(result.metrics[name] - result.chance[name]) < 3 * error, name
    assert result.chance["recall@10"] == pytest.approx(10 / 36)


def test_random_equals_its_expectation_with_many_targets():
    data = noise(1500, 40, 8)
    made = split(data, "strong-gen", held_out=0.45, ask=0.5)
    result = evaluate(Random().fit(made.train), made, 10)
    for name in ("recall@10", "ndcg@10", "map@10", "mrr@10", "precision@10", "hit_rate@10"):
        error = np.std(result.per_user[name]) / np.sqrt(len(made.test))
        assert abs(result.metrics[name] - result.chance[name]) < 3 * error, name


def test_blocks_do_not_change_the_answer(two, monkeypatch):
    data = noise(50, 20, 5)
    made = split(data, "leave-last-out")
    model = Popularity().fit(made.train)
    whole = evaluate(model, made, 7)
    monkeypatch.setattr("shortlist.evaluation.lists.CELLS", 60)
    assert evaluate(model, made, 7).slates.tolist() == whole.slates.tolist()


def test_sampled_figures_carry_the_sample_size():
    data = noise(200, 60, 5)
    made = split(data, "leave-last-out")
    model = Random().fit(made.train)
    full, sampled = evaluate(model, made, 10), evaluate(model, made, 10, sampled=20)
    assert not [name for name in sampled.metrics if "20 sampled" not in name]
    assert sampled.rules["ranking"] == "sampled-20"
    # 21 candidates instead of 56: the same model looks two and a half times better.
    assert sampled.chance["recall@10 (20 sampled)"] == pytest.approx(10 / 21)
    assert sampled.metrics["recall@10 (20 sampled)"] > 2 * full.metrics["recall@10"]
    with pytest.raises(BadConfig, match="sampled=100"):
        evaluate(model, made, 10, sampled=0)


def test_candidates_are_restricted(two):
    data, made = two
    model = fixed(data, [9, 8, 7, 6, 5, 4])
    assert evaluate(model, made, 3, candidates=np.array([3, 5])).slates.tolist() == [[3, 5, -1], [3, 5, -1]]
    mask = np.array([False, False, False, True, False, True])
    assert evaluate(model, made, 3, candidates=mask).rules["candidates"] == 2
    with pytest.raises(BadConfig, match="6 items"):
        evaluate(model, made, 3, candidates=mask[:4])


def test_seen_filter_that_removes_targets_is_counted():
    data = world([(0, 0), (0, 1), (0, 0), (1, 1), (1, 2)])
    result = evaluate(fixed(data, [3, 2, 1]), split(data, "leave-last-out"), 3)
    assert result.notes["targets_already_seen"] == 1
    assert result.per_user["recall@3"].tolist() == [0.0, 1.0]


def test_several_cuts_at_once(two):
    data, made = two
    result = evaluate(fixed(data, [9, 8, 7, 6, 5, 4]), made, (1, 3))
    assert result.metrics["recall@1"] == 0.5
    assert result.metrics["recall@3"] == 1.0
    assert result.k == 3


def test_ready_made_lists(two):
    _, made = two
    result = evaluate(np.array([[2, -1], [0, 3]]), made, 2)
    assert result.metrics["recall@2"] == 1.0
    assert result.per_user["mrr@2"].tolist() == [1.0, 0.5]
    with pytest.raises(BadConfig, match="2 requests"):
        evaluate(np.array([[2, -1]]), made, 2)


def test_a_model_that_only_retrieves_is_judged_alike(two):
    data, made = two
    inner = fixed(data, [9, 8, 7, 6, 5, 4])

    class OnlyRetrieves:
        def retrieve(self, requests, k) -> Hits:
            return inner.retrieve(requests, k)

    assert evaluate(OnlyRetrieves(), made, 3).slates.tolist() == evaluate(inner, made, 3).slates.tolist()


def test_everything_beyond_accuracy_on_request(two):
    import polars as pl

    _, _ = two
    table = pl.DataFrame({"item_id": [f"i{i}" for i in range(6)], "category": ["a", "a", "b", "b", "c", "c"]})
    data = world(TWO, n_items=6, item_table=table)
    made = split(data, "leave-last-out")
    result = evaluate(fixed(data, [9, 8, 7, 6, 5, 4]), made, 2, metrics="all")
    # Lists (2, 3) and (1, 2).
    assert result.metrics["coverage@2"] == pytest.approx(3 / 6)
    assert result.per_user["diversity@2"].tolist() == pytest.approx([0.0, 1.0])
    assert "coverage@2" not in result.interval
    assert result.per_user["calibration_js@2"].tolist() == pytest.approx([1.0, 0.3112781], abs=1e-6)


def test_metrics_that_need_categories_are_left_out_without_them(two):
    data, made = two
    result = evaluate(fixed(data, [1.0] * 6), made, 2, metrics="all")
    assert "diversity@2" not in result.metrics
    assert "novelty@2" in result.metrics


def test_a_metric_of_rows_is_refused_with_a_way_out(two):
    data, made = two
    with pytest.raises(BadConfig, match="backtest"):
        evaluate(fixed(data, [1.0] * 6), made, 2, metrics="auc")
    with pytest.raises(UnknownName, match="recall"):
        evaluate(fixed(data, [1.0] * 6), made, 2, metrics="recal")


def test_a_metric_of_a_plug_in_gets_what_it_names(two, monkeypatch):
    data, made = two
    monkeypatch.setattr(registry, "find", lambda name, *kinds: None)
    monkeypatch.setattr(registry, "load", lambda name, *kinds: lambda slates, n_items: slates.size / n_items)
    assert evaluate(fixed(data, [1.0] * 6), made, 3, metrics="mine").metrics == {"mine@3": 1.0}


def test_segments_by_history_and_by_mask(two):
    data, made = two
    result = evaluate(
        fixed(data, [9, 8, 7, 6, 5, 4]), made, 1, segments={"second": np.array([False, True])}, metrics="recall"
    )
    assert result.segments == {
        "history 1-4": {"n": 2, "recall@1": 0.5},
        "second": {"n": 1, "recall@1": 0.0},
    }


def test_cold_users_are_a_segment():
    data = world([(0, 0), (1, 1), (0, 1), (0, 2), (2, 0), (1, 2)])
    made = split(data, "global-time", at=3.0, cold=True)
    assert evaluate(fixed(data, [3, 2, 1]), made, 1).segments["cold"]["n"] == 1


def test_a_leak_is_refused(two):
    import dataclasses

    data, made = two
    leaking = dataclasses.replace(made, train=data)
    with pytest.raises(LeakDetected, match="2 training events"):
        evaluate(fixed(data, [1.0] * 6), leaking, 2)


def test_refuses_what_cannot_be_judged(two):
    data, made = two
    with pytest.raises(NotFitted):
        evaluate(Fixed(), made, 2)
    with pytest.raises(BadRequest, match="between 1 and 500"):
        evaluate(fixed(data, [1.0] * 6), made, 501)
    with pytest.raises(BadConfig, match="finds no candidates"):
        evaluate(object(), made, 2)


def test_report_is_json_and_repeatable(two):
    import json

    data, made = two
    model = fixed(data, [9, 8, 7, 6, 5, 4])
    report = evaluate(model, made, 3).to_dict()
    again = evaluate(model, made, 3).to_dict()
    report.pop("predict_seconds"), again.pop("predict_seconds")
    assert json.dumps(report, allow_nan=False) == json.dumps(again, allow_nan=False)
    assert report["protocol"] == "leave-last-out"
    assert report["fingerprint"] == data.fingerprint


def test_compare_pairs_the_same_users(two):
    data, made = two
    good, bad = fixed(data, [9, 8, 7, 6, 5, 4]), fixed(data, [9, 8, 1, 1, 5, 4])
    found = compare(evaluate(good, made, 2), evaluate(bad, made, 2), "recall@2")
    assert (found.wins, found.ties, found.losses) == (1, 1, 0)
    other = split(noise(30, 9, 4), "leave-last-out")
    with pytest.raises(BadConfig, match="fingerprint"):
        compare(evaluate(good, made, 2), evaluate(Random().fit(other.train), other, 2), "recall@2")
    with pytest.raises(BadConfig, match="recall@2"):
        compare(evaluate(good, made, 2), evaluate(bad, made, 2), "recal@2")


def test_answers_keep_their_promises():
    """No repeats, right length, seen items out, smaller id first among equals."""
    data = noise(300, 25, 6)
    made = split(data, "leave-last-out")
    model = fixed(data, np.random.default_rng(0).integers(0, 4, 25).astype(float))
    slates = evaluate(model, made, 19, ties="served").slates
    assert all(len(set(row)) == 19 for row in slates.tolist())
    history = made.test.history
    assert not any(np.isin(slates[b], history.one(b)).any() for b in range(len(slates)))
    score = np.asarray(model.scores)[slates]
    later = slates[:, 1:] > slates[:, :-1]
    assert ((score[:, 1:] < score[:, :-1]) | ((score[:, 1:] == score[:, :-1]) & later)).all()
