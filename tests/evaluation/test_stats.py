"""Intervals and comparisons: known answers, and rates that must hold over many simulated worlds."""

from __future__ import annotations

import numpy as np
import pytest

from shortlist.core.errors import BadConfig
from shortlist.evaluation import stats
from shortlist.evaluation.metrics import auc, gauc
from shortlist.evaluation.stats import (
    bootstrap_auc,
    bootstrap_auc_gain,
    bootstrap_gauc,
    bootstrap_intervals,
    compare_paired,
)


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


def test_auc_intervals_agree_with_the_metric_row_by_row():
    """Every draw is an AUC of rows written out as often as they were drawn."""
    rng = np.random.default_rng(3)
    label, score, user = rng.integers(0, 2, 60), rng.integers(0, 12, 60).astype(float), rng.integers(0, 9, 60)
    times = rng.integers(0, 4, (5, 9)).astype(float)
    got = stats._Ranks(label > 0, score).auc(times[:, user])
    for draw, value in zip(times, got, strict=True):
        rows = np.repeat(np.arange(60), draw[user].astype(int))
        assert value == pytest.approx(auc(label[rows], score[rows]), abs=1e-12)


def test_auc_interval_covers_the_truth_and_knows_that_users_have_many_rows():
    rng = np.random.default_rng(4)
    label = rng.integers(0, 2, 1500)
    score = label + rng.normal(size=1500)
    low, high = bootstrap_auc(label, score, np.arange(1500))
    assert low < 0.7602 < high  # of two normals one standard deviation apart
    assert 3.0 < (high - low) / 0.0121 < 5.0  # Hanley and McNeil's standard error
    many = np.repeat(np.arange(150), 10)
    taste = np.repeat(rng.normal(size=150), 10)
    alike = (rng.uniform(size=1500) < 1 / (1 + np.exp(-2 * taste))).astype(int)
    apart, together = bootstrap_auc(alike, taste, np.arange(1500)), bootstrap_auc(alike, taste, many)
    assert together[1] - together[0] > apart[1] - apart[0]


def test_auc_interval_of_several_models_is_that_of_their_mean():
    rng = np.random.default_rng(5)
    label, score = rng.integers(0, 2, 200), rng.normal(size=200)
    low, high = bootstrap_auc(label, np.stack([score, -score], 1), np.arange(200))
    assert low == pytest.approx(0.5)
    assert high == pytest.approx(0.5)


def test_auc_interval_with_nothing_to_compare():
    assert np.isnan(bootstrap_auc(np.ones(5), np.arange(5.0), np.arange(5))).all()
    assert np.isnan(bootstrap_auc(np.empty(0), np.empty(0), np.empty(0, int))).all()
    with pytest.raises(BadConfig, match="belong together"):
        bootstrap_auc(np.ones(5), np.arange(4.0), np.arange(5))
    with pytest.raises(BadConfig):
        bootstrap_auc(np.ones(5), np.arange(5.0), np.arange(5), draws=1)


def test_auc_interval_does_not_depend_on_the_block(monkeypatch):
    rng = np.random.default_rng(6)
    label, score, user = rng.integers(0, 2, 90), rng.normal(size=90), rng.integers(0, 20, 90)
    whole = bootstrap_auc(label, score, user, draws=50)
    monkeypatch.setattr(stats, "CELLS", 200)
    assert bootstrap_auc(label, score, user, draws=50) == pytest.approx(whole)


def test_gauc_interval_is_that_of_a_weighted_mean_over_groups():
    """Three kinds of groups: 2 rows ranked right, 4 rows ranked wrong, and one class, which counts for nothing."""
    kinds = np.arange(300) % 3
    group = np.repeat(np.arange(300), np.array([2, 4, 5])[kinds])
    kind = kinds[group]
    label = np.where(kind == 2, 1, _alternating(group))
    score = np.where(kind == 0, label, -label).astype(float)
    assert gauc(label, score, group) == pytest.approx(1 / 3)
    low, high = bootstrap_gauc(label, score, group)
    assert low < 1 / 3 < high
    # Standard error of a ratio of means over the groups drawn, by the delta method.
    weight, each = np.array([2.0, 4.0, 0.0])[kinds], np.array([1.0, 0.0, 0.0])[kinds]
    error = np.sqrt(np.mean((weight * (each - 1 / 3)) ** 2) / 300) / weight.mean()
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert bootstrap_gauc(label, np.stack([score, score], 1), group) == (low, high)
    assert np.isnan(bootstrap_gauc(np.ones(4), np.arange(4.0), np.arange(4), draws=10)).all()


def _alternating(group):
    """0, 1, 0, 1 ... from the first row of each group."""
    first = np.r_[True, np.diff(group) != 0]
    place = np.arange(len(group)) - np.flatnonzero(first)[np.cumsum(first) - 1]
    return place % 2


def test_a_paired_gain_is_surer_than_two_intervals():
    rng = np.random.default_rng(0)
    n = 1200
    label = rng.random(n) < 0.4
    taste = rng.normal(size=n) + label
    better = taste + 0.3 * label
    user = np.arange(n) // 3
    low, high = bootstrap_auc_gain(label, better, taste, user, draws=200)
    assert 0 < low < high
    apart = bootstrap_auc(label, taste, user, draws=200)
    assert high - low < 0.5 * (apart[1] - apart[0])
    assert bootstrap_auc_gain(label, taste, taste, user, draws=50) == (0.0, 0.0)


def test_a_gain_over_groups_is_the_plain_mean():
    """Group 0 gains everything and is small, group 1 gains nothing and is large."""
    group = np.r_[np.zeros(40), np.ones(4000)]
    label = np.arange(4040) % 2
    rng = np.random.default_rng(0)
    one = np.where(group == 0, label * 1.0, rng.random(4040))
    other = np.where(group == 0, -label * 1.0, one)
    low, high = bootstrap_auc_gain(label, one, other, np.arange(4040), group=group, draws=50)
    assert low == pytest.approx(0.5)
    assert high == pytest.approx(0.5)
    with pytest.raises(BadConfig):
        bootstrap_auc_gain(label, one[:3], other, np.arange(4040))
