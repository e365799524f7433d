"""Scorers: tiers, blends, rankers."""

import numpy as np
import pytest

from shortlist.core.errors import BadConfig, BadSpec
from shortlist.core.types import Candidates, Requests
from shortlist.models import create
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.stages.scorers.blend import Blend
from shortlist.pipeline.stages.scorers.first_score import FirstScore

NAN = np.nan


def table(row, **cols):
    named = {name.replace("_", "."): np.array(values, float) for name, values in cols.items()}
    return Candidates(np.array(row, np.int32), np.arange(len(row)), max(row, default=0) + 1, named)


REQUESTS = Requests.of([0, 1])


def test_later_tiers_stand_below_earlier_ones(world):
    rows = table([0, 0, 0, 0, 1, 1], score_a=[0.1, -5.0, NAN, NAN, NAN, NAN], score_b=[9, 9, 100, 90, 3, 2])
    score = FirstScore(world, columns=["score.a", "score.b"]).score(REQUESTS, rows)["score"]
    assert score.tolist() == [0.1, -5.0, -6.0, -16.0, 3.0, 2.0]


def test_rows_that_nobody_scored_stay_unknown(world):
    rows = table([0, 0], score_a=[NAN, np.inf])
    assert np.isnan(FirstScore(world, columns=["score.a"]).score(REQUESTS, rows)["score"]).all()


def test_a_blend_in_standard_units_by_hand(world):
    rows = table([0, 0, 1, 1], a=[1.0, 3.0, 10.0, 30.0], b=[5.0, 5.0, 2.0, 1.0])
    score = Blend(world, weights={"a": 1.0, "b": 0.5}).score(REQUESTS, rows)["score"]
    assert score.tolist() == pytest.approx([-1.0, 1.0, -1.0 + 0.5, 1.0 - 0.5])


def test_a_row_without_a_value_gets_the_lowest_of_its_request(world):
    rows = table([0, 0, 0], a=[1.0, 3.0, NAN])
    zscore, rank, minmax, none = (
        Blend(world, weights={"a": 1.0}, scale=scale).score(REQUESTS, rows)["score"]
        for scale in ("zscore", "rank", "minmax", "none")
    )
    assert zscore[2] == zscore[0] < zscore[1]
    assert rank.tolist() == [0.5, 1.0, 0.0]
    assert minmax.tolist() == [0.0, 1.0, 0.0]
    assert none.tolist() == [1.0, 3.0, 0.0]


def test_columns_that_say_nothing_count_for_nothing(world):
    rows = table([0, 0, 1], a=[NAN, NAN, NAN], b=[1e-300, 2e-300, 7.0])
    for scale in ("zscore", "rank", "minmax", "none"):
        score = Blend(world, weights={"a": 1.0, "gone": 3.0}, scale=scale).score(REQUESTS, rows)["score"]
        assert score.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("scale", ["zscore", "rank", "minmax", "none"])
def test_a_blend_is_the_same_alone_and_in_a_batch(world, scale):
    rng = np.random.default_rng(0)
    row = np.sort(rng.integers(0, 30, 900)).astype(np.int32)
    cols = {name: np.where(rng.random(900) < 0.2, NAN, rng.normal(size=900)) for name in "ab"}
    rows = Candidates(row, rng.integers(0, 10**6, 900), 30, cols)
    made = Blend(world, weights={"a": 0.7, "b": -0.3}, scale=scale)
    together = made.score(Requests.of(range(30)), rows)["score"]
    alone = [made.score(Requests.of([0]), rows.one(b))["score"] for b in range(30)]
    assert together.tolist() == np.concatenate(alone).tolist()


def test_weights_must_be_sane(world):
    for weights in ({}, {"a": float("inf")}, {"a": float("nan")}, {"a": 1e308}):
        with pytest.raises(BadConfig, match="weights"):
            Blend(world, weights=weights)


def test_a_ranker_requires_the_columns_it_was_fitted_on(shop, plain):
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    label = (x + rng.normal(size=400) > 0).astype(float)
    ranker = create("logistic").fit_rows({"item_events": x}, label, np.repeat(np.arange(40), 10))
    world = offline_world(shop, {"ranker": ranker})
    scorer = [{"use": "ranker"}]
    with pytest.raises(BadSpec, match="Scorer 'ranker' needs the column 'item_events'"):
        build(plain(scorer=scorer), world)
    runner = build(plain(scorer=scorer, hydrator=[{"use": "item_counts"}]), world)
    slates = runner.run(Requests.of([0], now=2e9, k=32))
    events = slates.candidates.cols["item_events"]
    assert runner.served_by(slates) == "ranker"
    assert (np.diff(events) <= 1e-12).all()
    with pytest.raises(BadSpec, match="not fitted"):
        build(plain(scorer=scorer), offline_world(shop, {"ranker": create("logistic")}))


def test_a_blend_of_logarithms_is_a_product(world):
    rows = table([0, 0, 0], a=[0.5, 0.1, 0.0], b=[0.2, 0.4, NAN])
    score = Blend(world, weights={"a": 2.0, "b": 0.5}, scale="log").score(REQUESTS, rows)["score"]
    assert np.exp(score[:2]).tolist() == pytest.approx([0.5**2 * 0.2**0.5, 0.1**2 * 0.4**0.5])
    assert np.isfinite(score[2])


def test_a_blend_that_knows_nothing_leaves_the_score_before_it(world):
    rows = table([0, 0, 1, 1], a=[NAN, NAN, 1.0, NAN], score=[3.0, 2.0, 9.0, 8.0])
    score = Blend(world, weights={"a": 1.0, "gone": 1.0}, scale="none").score(REQUESTS, rows)["score"]
    assert score.tolist() == [3.0, 2.0, 1.0, 0.0]
