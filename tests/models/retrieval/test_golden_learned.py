"""Fixed numbers of the counting, closed-form and factor models on real logs, judged by the evaluator everybody uses.

`leave-last-out`: full ranking, seen items left out, relevant items last among equals. "strict" rows keep the validation
event from the fit; in both it belongs to the history at test time.
"""

import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.errors import SchemaMismatch
from shortlist.data.catalog import load
from shortlist.data.splits import split
from shortlist.evaluation.evaluator import evaluate
from shortlist.models import create

GEOMETRIC = {"window": 20, "gap_power": 0.5, "beta": 0.2, "order_weight": 1.0, "age_power": 0.0}


def measured(name, parts, *, seed=0, **config):
    """Recall, NDCG and MAP at 10."""
    model = create(name, **config).fit(parts.fit_on, FitContext(seed=seed, threads=2))
    found = evaluate(model, parts, k=10, metrics=("recall", "ndcg", "map"), intervals=0).metrics
    return found["recall@10"], found["ndcg@10"], found["map@10"]


def protocol(name, **options):
    try:
        return split(load(name), "leave-last-out", **options)
    except SchemaMismatch as error:
        pytest.skip(f"{name} is not on this machine: {error.message}")


@pytest.fixture(scope="module")
def movies():
    return protocol("ml-100k")


@pytest.mark.golden
@pytest.mark.real_data("ml-100k")
def test_ease_on_movielens_100k(movies):
    recall, ndcg, _ = measured("ease", movies, reg=100.0)
    assert recall == pytest.approx(0.1485, abs=0.002)
    assert ndcg == pytest.approx(0.0723, abs=0.002)


@pytest.mark.golden
@pytest.mark.real_data("ml-100k")
@pytest.mark.parametrize(
    ("name", "config", "least_recall", "least_ndcg"),
    [
        ("trails", {}, 0.188, 0.103),
        ("trails", {**GEOMETRIC, "decay": 0.85}, 0.188, 0.103),
        ("als", {}, 0.138, 0.070),
        ("als", {"solver": "cg"}, 0.138, 0.070),
        ("bpr", {}, 0.095, 0.045),
        ("rp3beta", {}, 0.105, 0.055),
    ],
)
def test_floors_on_movielens_100k(movies, name, config, least_recall, least_ndcg):
    recall, ndcg, _ = measured(name, movies, **config)
    assert recall >= least_recall
    assert ndcg >= least_ndcg


@pytest.mark.golden
@pytest.mark.real_data("beauty")
@pytest.mark.parametrize(("strict", "least_recall", "least_ndcg"), [(False, 0.094, 0.060), (True, 0.083, 0.052)])
@pytest.mark.parametrize("config", [{}, {**GEOMETRIC, "decay": 0.5}], ids=["default", "geometric"])
def test_trails_on_beauty(strict, config, least_recall, least_ndcg):
    recall, ndcg, _ = measured("trails", protocol("beauty", strict=strict), **config)
    assert recall >= least_recall
    assert ndcg >= least_ndcg


@pytest.mark.golden
@pytest.mark.real_data("book-synthetic")
def test_als_is_within_two_users_of_the_book():
    found = measured("als", protocol("book-synthetic"), factors=32, reg=0.1, alpha=40.0, epochs=15)
    assert found == pytest.approx((0.087, 0.041, 0.028), abs=2 / 300)


@pytest.mark.golden
@pytest.mark.real_data("book-synthetic")
def test_bpr_reaches_the_book_on_the_mean_of_five_seeds():
    parts = protocol("book-synthetic")
    settings = {"factors": 32, "learning_rate": 0.05, "reg": 0.01, "epochs": 30}
    assert np.mean([measured("bpr", parts, seed=seed, **settings)[0] for seed in range(5)]) >= 0.095
