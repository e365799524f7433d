"""The bit-vector walk must give LightGBM's own numbers, bit for bit."""

import lightgbm as lgb
import numpy as np
import pytest

from shortlist.models.ranking._trees import HIGHEST, LEAVES, ROWS, BitTrees


def grown(x, y, **more):
    parameters = {"objective": "binary", "verbose": -1, "num_threads": 1, "learning_rate": 0.1, "min_data_in_leaf": 5}
    booster = lgb.train(parameters | more, lgb.Dataset(x, y, params={"verbose": -1} | more), more.get("rounds", 30))
    return lgb.Booster(model_str=booster.model_to_string())


def table(n=3000, seed=0):
    """Columns with gaps, with many zeros, with few distinct values, and one constant."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 8))
    x[rng.random(x.shape) < 0.1] = np.nan
    x[:, 2] = np.where(rng.random(n) < 0.6, 0.0, x[:, 2])
    x[:, 3] = np.round(x[:, 3])
    x[:, 7] = 1.0
    y = np.nan_to_num(x[:, 0] * x[:, 1]) + np.isnan(x[:, 2]) + rng.normal(size=n) > 0
    return x, y.astype(float)


@pytest.mark.parametrize("leaves", [2, 31, LEAVES])
@pytest.mark.parametrize("missing", [{}, {"zero_as_missing": True}, {"use_missing": False}])
def test_equals_lightgbm_to_the_last_bit(leaves, missing):
    x, y = table()
    booster = grown(x, y, num_leaves=leaves, **missing)
    fresh, _ = table(n=7 * ROWS + 3, seed=1)
    fresh[0] = np.nan
    fresh[1] = 0.0
    fresh[2] = [np.inf, -np.inf] * 4
    fresh[3] = 1e-36
    ours = BitTrees.of(booster.dump_model()).score(fresh)
    assert ours.tolist() == booster.predict(fresh, raw_score=True, num_threads=1).tolist()
    assert len(np.unique(ours)) > 3


def test_values_at_a_threshold_go_left():
    x, y = table()
    booster = grown(x, y, num_leaves=8, rounds=3)
    bits = BitTrees.of(booster.dump_model())
    finite = bits.threshold[bits.threshold < HIGHEST]
    at = np.repeat(finite[:, None], x.shape[1], axis=1)
    for rows in (at, np.nextafter(at, np.inf), np.nextafter(at, -np.inf)):
        assert bits.score(rows).tolist() == booster.predict(rows, raw_score=True, num_threads=1).tolist()


def test_rows_do_not_depend_on_their_company():
    x, y = table()
    bits = BitTrees.of(grown(x, y, num_leaves=31).dump_model())
    whole = bits.score(x[:100])
    assert [bits.score(x[i : i + 1])[0] for i in range(100)] == whole.tolist()
    assert bits.score(np.asfortranarray(x[:100])).tolist() == whole.tolist()
    assert bits.score(x[:0]).tolist() == []


def test_trees_that_never_split_are_a_constant():
    x = np.ones((50, 2))
    booster = grown(x, np.r_[np.ones(20), np.zeros(30)], num_leaves=31)
    assert BitTrees.of(booster.dump_model()).score(x).tolist() == booster.predict(x, raw_score=True).tolist()


def test_leaves_wide_trees_and_categories_to_lightgbm():
    x, y = table()
    assert BitTrees.of(grown(x, y, num_leaves=LEAVES + 40, min_data_in_leaf=1).dump_model()) is None
    labels = np.random.default_rng(0).integers(0, 9, size=(2000, 1)).astype(float)
    parameters = {"objective": "binary", "verbose": -1, "num_threads": 1}
    data = lgb.Dataset(labels, (labels[:, 0] % 3 == 0).astype(float), categorical_feature=[0])
    assert BitTrees.of(lgb.train(parameters, data, 5).dump_model()) is None
