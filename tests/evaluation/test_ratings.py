"""Cross-validation of ratings: folds, figures worked out by hand, intervals, refusals."""

import json
from dataclasses import replace

import numpy as np
import pytest

from shortlist.core.errors import BadConfig, UnknownName
from shortlist.evaluation.ratings import cross_validate, rating_folds
from shortlist.testing.worlds import dataset_of, small_log


def rated(table):
    user, item = np.nonzero(table)
    data = dataset_of([(u, i, float(at)) for at, (u, i) in enumerate(zip(user, item, strict=True))],
                      n_users=len(table), n_items=table.shape[1])  # fmt: skip
    value = table[user, item].astype(np.float32)
    return replace(data, interactions=replace(data.interactions, value=value, types=("rating",)))


TABLE = np.random.default_rng(0).integers(1, 6, (30, 20))
QUICK = {"factors": 4, "epochs": 3}


def test_folds_are_a_fair_deal_of_all_ratings():
    data = rated(TABLE)
    folds = rating_folds(data, 7, seed=1)
    assert sorted(np.concatenate(folds).tolist()) == list(range(data.n_events))
    sizes = [len(fold) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    assert all((np.diff(fold) > 0).all() for fold in folds)
    again = rating_folds(data, 7, seed=1)
    assert all((one == two).all() for one, two in zip(folds, again, strict=True))
    assert any((one != two).any() for one, two in zip(folds[:4], rating_folds(data, 7, seed=2), strict=False))


def test_ratings_of_one_pair_fall_into_one_fold_and_clicks_into_none():
    data = rated(TABLE)
    events = data.interactions
    twice = events.take(np.r_[np.arange(len(events)), np.arange(len(events)), np.arange(10)])
    kind = np.r_[np.zeros(2 * len(events), np.int16), np.ones(10, np.int16)]
    data = replace(data, interactions=replace(twice, type=kind, types=("rating", "click")))
    folds = rating_folds(data)
    assert np.concatenate(folds).max() < 2 * len(events)
    for fold in folds:
        first = fold[fold < len(events)]
        assert (first + len(events) == fold[fold >= len(events)]).all()


def test_figures_are_those_of_the_single_predictions():
    data = rated(TABLE)
    found = cross_validate("svd", data, config=QUICK, folds=3)
    error = found.predicted - data.interactions.value[found.row]
    assert sorted(found.row.tolist()) == list(range(data.n_events))
    assert found.metrics == pytest.approx({"rmse": np.sqrt(np.mean(error**2)), "mae": np.abs(error).mean()})
    assert found.per_fold["mae"] == pytest.approx([np.abs(part).mean() for part in np.split(error, 3)])
    for name, (low, high) in found.interval.items():
        assert low < found.metrics[name] < high
    assert found.config["factors"] == 4
    assert json.loads(json.dumps(found.to_dict()))["protocol"] == "ratings-k-fold"


def test_the_mean_is_worked_out_without_the_fold():
    data = rated(np.array([[1, 2], [3, 5]]))
    found = cross_validate("svd", data, config=QUICK, folds=[np.array([0]), np.array([3])])
    # Without the 1 the mean is 10/3; without the 5 it is 2.
    assert found.mean_only["mae"] == pytest.approx((7 / 3 + 3) / 2)
    assert found.notes == {"unknown_users": 0, "unknown_items": 0}


def test_users_without_other_ratings_are_counted():
    data = rated(np.array([[1, 2, 0], [3, 5, 4]]))
    found = cross_validate("svd", data, config=QUICK, folds=[np.array([0, 1])])
    assert found.notes == {"unknown_users": 2, "unknown_items": 0}


def test_neighbours_are_judged_by_the_same_rule():
    found = cross_validate("user_knn", rated(TABLE), config={"similarity": "pearson"}, folds=2)
    assert np.isfinite(found.metrics["rmse"])


def test_intervals_cover_what_they_should():
    """Of many samples of users, about 95 % of the intervals hold the true error."""
    from shortlist.evaluation.ratings import _intervals

    rng = np.random.default_rng(0)
    held = []
    for trial in range(200):
        count = rng.integers(1, 40, 150)
        user = np.repeat(np.arange(150), count)
        # Users differ in how well they can be predicted; RMSE of the population is sqrt(1.25).
        error = rng.normal(size=len(user)) * np.repeat(rng.choice([0.5, 1.5], 150), count)
        low, high = _intervals(user, error, 200, trial)["rmse"]
        held.append(low <= np.sqrt(1.25) <= high)
    assert 0.9 <= np.mean(held) <= 0.99


@pytest.mark.parametrize(
    "folds",
    [
        1,
        0,
        10_000,
        [],
        [np.array([], np.int64)],
        [np.array([0, 1]), np.array([1])],
        [np.array([600])],
        [np.arange(600)],
    ],
    ids=str,
)
def test_impossible_folds_are_refused(folds):
    with pytest.raises(BadConfig) as caught:
        cross_validate("svd", rated(TABLE), config=QUICK, folds=folds)
    assert caught.value.field == "folds"


def test_models_without_predictions_are_refused():
    with pytest.raises(BadConfig, match="does not predict ratings"):
        cross_validate("popularity", small_log())
    with pytest.raises(UnknownName):
        cross_validate("svdd", small_log())
