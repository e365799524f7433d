from dataclasses import replace

import numpy as np
import pytest

from shortlist.core.errors import BadConfig
from shortlist.data.splits import split
from shortlist.evaluation.evaluator import evaluate
from shortlist.evaluation.fusing import choose_weights
from shortlist.models.retrieval.fusion import Fusion
from shortlist.testing.worlds import planted_cycle, small_log


def test_a_part_that_only_disturbs_gets_no_weight():
    parts = split(planted_cycle(items=30, users=60).data, "leave-last-out")
    fusion = Fusion(models=["trails", "random"])
    found = choose_weights(fusion, parts, k=5, grid=(0.0, 0.5, 2.0))
    assert found.weights == (1.0, 0.0)
    assert found.value == max(value for _, value in found.tried)
    assert [part.weight for part in fusion.config.models] == [1.0, 0.0]


def test_the_value_is_that_of_the_validation_part():
    parts = split(small_log(), "leave-last-out")
    found = choose_weights(Fusion(models=["popularity", "trails"]), parts, k=5, users=25, rounds=1, grid=(0.5, 1.0))
    assert len(found.tried) == 2, "the given weights are one of them"
    assert found.weights in dict(found.tried)
    fresh = Fusion(models=["popularity", {"model": "trails", "weight": found.weights[1]}]).fit(parts.tune_train)
    whole = choose_weights(Fusion(models=["popularity", "trails"]), parts, k=5, rounds=1, grid=found.weights[1:])
    alone = replace(parts, train=parts.tune_train, test=replace(parts.tune_test), tune_train=None, tune_test=None)
    assert dict(whole.tried)[found.weights] == evaluate(fresh, alone, 5, intervals=0).metrics["ndcg@5"]


def test_what_cannot_be_chosen_is_refused():
    parts = split(small_log(), "leave-last-out")
    with pytest.raises(BadConfig, match="one model"):
        choose_weights(Fusion(models=["trails"]), parts)
    pairs = small_log().select(np.isin(np.arange(480) % 12, (0, 1)))
    with pytest.raises(BadConfig, match="tuning"):
        choose_weights(Fusion(), split(pairs, "leave-last-out"))
