"""Intervals and comparisons: known answers, and rates that must hold over many simulated worlds."""

from __future__ import annotations

import numpy as np
import pytest

from shortlist.core.errors import BadConfig
from shortlist.evaluation.stats import bootstrap_intervals, compare_paired


def test_interval_of_a_constant_is_a_point():
    low, high = bootstrap_intervals(np.full(50, 0.3))
    assert low[0] == pytest.approx(0.3)
    assert high[0] == pytest.approx(0.3)


def test_interval_has_the_width_of_the_normal_theory():
    hit = np.repeat([1.0, 0.0], [180, 820])
    low, high = bootstrap_intervals(hit, draws=4000)
    half = 1.96 * np.sqrt(0.18 * 0.82 / 1000)
    assert low[0] == pytest.approx(0.18 - half, abs=0.002)
    assert high[0] == pytest.approx(0.18 + half, abs=0.002)


def test_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(5)
    worlds = 600
    low, high = np.array(
        [bootstrap_intervals(rng.exponential(size=300), draws=300, seed=i) for i in range(worlds)]
    ).transpose(1, 0, 2)
    covered = float(((low <= 1.0) & (high >= 1.0)).mean())
    # Three standard errors around .95, and the two points that percentiles of skewed data are known to lose.
    assert 0.95 - 3 * np.sqrt(0.95 * 0.05 / worlds) - 0.02 < covered < 0.95 + 3 * np.sqrt(0.95 * 0.05 / worlds)


def test_users_without_a_value_are_left_out_metric_by_metric():
    values = np.array([[1.0, np.nan], [1.0, 0.5], [1.0, 0.5], [np.nan, np.nan]])
    low, high = bootstrap_intervals(values, draws=200)
    assert low.tolist() == [1.0, 0.5]
    assert high.tolist() == [1.0, 0.5]


def test_undefined_everywhere_gives_no_interval():
    low, high = bootstrap_intervals(np.full((5, 1), np.nan))
    assert np.isnan(low).all()
    assert np.isnan(high).all()
    assert np.isnan(bootstrap_intervals(np.empty((0, 2)))[0]).all()


def test_same_seed_same_interval_whatever_the_block(monkeypatch):
    values = np.random.default_rng(0).random((80, 2))
    whole = bootstrap_intervals(values, seed=7)
    monkeypatch.setattr("shortlist.evaluation.stats.CELLS", 400)
    assert np.allclose(whole, bootstrap_intervals(values, seed=7))
    assert not np.allclose(whole, bootstrap_intervals(values, seed=8))


def test_refuses_impossible_settings():
    with pytest.raises(BadConfig):
        bootstrap_intervals(np.ones(3), draws=2)
    with pytest.raises(BadConfig):
        bootstrap_intervals(np.ones(3), level=1.0)


def test_comparison_counts_wins_and_finds_a_clear_difference():
    a = np.r_[np.ones(40), np.zeros(60)]
    b = np.r_[np.ones(10), np.zeros(85), np.ones(5)]
    found = compare_paired(a, b, metric="recall@10")
    assert (found.wins, found.ties, found.losses) == (30, 65, 5)
    assert found.difference == pytest.approx(0.25)
    assert found.low > 0
    assert found.p < 0.01
    assert found.to_dict()["metric"] == "recall@10"


def test_pairing_sees_what_separate_intervals_cannot():
    rng = np.random.default_rng(2)
    taste = rng.random(200)
    a, b = taste + 0.02 + rng.normal(0, 0.01, 200), taste
    assert compare_paired(a, b).p < 0.01
    low, high = bootstrap_intervals(np.c_[a, b])
    assert low[0] < high[1]


def test_equal_systems_do_not_differ():
    a = np.random.default_rng(1).random(50)
    found = compare_paired(a, a)
    assert found.p == 1.0
    assert (found.low, found.high, found.ties) == (0.0, 0.0, 50)


def test_false_alarms_are_as_rare_as_promised():
    rng = np.random.default_rng(11)
    worlds = 600
    alarms = np.mean(
        [compare_paired(rng.random(120), rng.random(120), draws=300, seed=i).p < 0.05 for i in range(worlds)]
    )
    assert abs(alarms - 0.05) < 3 * np.sqrt(0.05 * 0.95 / worlds)


def test_refuses_users_that_cannot_be_paired():
    with pytest.raises(BadConfig, match="one split"):
        compare_paired(np.ones(3), np.ones(4))
    with pytest.raises(BadConfig, match="No user"):
        compare_paired(np.array([np.nan, 1.0]), np.array([1.0, np.nan]), metric="map@10")
