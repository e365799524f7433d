import argparse
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.sequences import Bench, asked_without_order, choose, summarise, without_order
from shortlist.core import registry
from shortlist.data.splits import split
from shortlist.evaluation.evaluator import evaluate
from shortlist.models.retrieval.fusion import Fusion
from shortlist.testing.worlds import dataset_of


def walks(n_users=200, n_items=40, length=9):
    """Users walk round a circle of items; equal times, so that file order alone says what followed what."""
    events = [(u, (u * 7 + t) % n_items, float(t // 3)) for u in range(n_users) for t in range(length)]
    return dataset_of(events, n_users=n_users, n_items=n_items)


def figure(name, parts):
    model = registry.create(name, "retriever").fit(parts.train)
    return evaluate(model, parts, 10, metrics=("ndcg",), intervals=0).metrics["ndcg@10"]


def test_the_shuffled_control_takes_the_order_and_nothing_else():
    parts = split(walks(), "leave-last-out")
    train, test = without_order(parts.train, seed=0), asked_without_order(parts.test, seed=1)
    before, after = parts.train.interactions, train.interactions
    assert np.array_equal(before.user, after.user)
    assert np.array_equal(before.at, after.at)
    assert not np.array_equal(before.item, after.item)
    for user in range(5):
        assert Counter(after.item[after.user == user]) == Counter(before.item[before.user == user])
        one, two = (asked.history.take(np.array([user])).item for asked in (parts.test, test))
        assert Counter(one) == Counter(two)
    assert np.array_equal(test.truth.item, parts.test.truth.item)
    # In order the walk gives itself away; without order its neighbourhood is all that is left.
    assert figure("markov", parts) > 0.9
    assert figure("markov", replace(parts, train=train, test=test)) < 0.6


def test_weights_of_a_fusion_are_those_that_serve_validation_events():
    parts = split(walks(), "leave-last-out", strict=True)
    good, useless = (registry.create(name, "retriever").fit(parts.train) for name in ("markov", "popularity"))
    weights, value = choose([good, useless, good], parts.tune_test)
    assert weights[0] == 1.0
    assert weights[1] == 0.0
    both = Fusion.of({"markov": good, "popularity": useless}, [1.0, 0.0])
    asked = evaluate(both, parts.tune_test, 10, metrics=("ndcg",), intervals=0)
    assert value == pytest.approx(asked.metrics["ndcg@10"], abs=1e-6)


def test_means_are_over_seeds_and_intervals_over_users(capsys):
    bench = Bench("made", None, {}, argparse.Namespace())
    users = np.arange(100) % 2.0
    for by in (0.0, 0.2):
        bench.kept.setdefault(("a", "strict"), []).append({"hit_rate@10": users, "ndcg@10": users / 2 + by})
    bench.kept["a+b", "strict"] = [{"hit_rate@10": users, "ndcg@10": users / 2 + 0.3}]
    summarise(bench)
    out = capsys.readouterr().out.splitlines()
    assert '"NDCG@10": 0.35, ' in out[0]
    assert '"NDCG@10 of seeds": [0.25, 0.45]' in out[0]
    assert '"NDCG@10 over a 95%": [0.2, 0.2]' in out[1]
