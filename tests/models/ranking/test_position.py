"""Lists of an old ranker: what it likes stands on top, people look at the top, and clicks seem to agree with it."""

import numpy as np
import pytest

from shortlist.core.contracts import FitContext, Shown
from shortlist.core.errors import BadConfig, SchemaMismatch
from shortlist.core.types import Requests
from shortlist.models.ranking.gbdt import Gbdt
from shortlist.models.ranking.logistic import Logistic

CTX = FitContext(threads=1)
SHOWN = 10


def biased(lists=4000, eta=1.0, seed=0):
    """Relevance follows `quality` and hardly `old`; lists are ordered by `old`; place p is looked at by (p+1)^-eta."""
    rng = np.random.default_rng(seed)
    n = lists * SHOWN
    columns = {"quality": rng.normal(size=n), "old": rng.normal(size=n)}
    relevance = 1 / (1 + np.exp(-(1.5 * columns["quality"] + 0.3 * columns["old"] - 1.0)))
    group = np.repeat(np.arange(lists), SHOWN)
    order = np.lexsort((-(columns["old"] + 0.7 * rng.normal(size=n)), group))
    position = np.empty(n, np.int64)
    position[order] = np.tile(np.arange(SHOWN), lists)
    click = (rng.random(n) < relevance / (1.0 + position) ** eta).astype(float)
    return columns, click, group, position, relevance


def shown(group, position):
    """That the rows stood at these places; who was asked is not known."""
    return Shown(Requests.of(np.full(group[-1] + 1, -1)), group, np.full(len(group), -1), position=position)


def true_ndcg(model, columns, relevance):
    """NDCG of the relevance itself, which no ranker has seen."""
    score = model.score_matrix(np.column_stack([columns[name] for name in model.columns_])).reshape(-1, SHOWN)
    gain, discount = relevance.reshape(-1, SHOWN), 1 / np.log2(np.arange(SHOWN) + 2)
    order = np.argsort(-score, 1, kind="stable")
    return float(((np.take_along_axis(gain, order, 1) @ discount) / (-np.sort(-gain, 1) @ discount)).mean())


@pytest.mark.parametrize("objective", ["binary", "lambdarank"])
def test_told_the_places_trees_find_what_people_want(objective):
    columns, click, group, position, _ = biased(2500)
    fresh, _, _, _, relevance = biased(1000, seed=1)
    settings = {"objective": objective, "trees": 60, "leaves": 8, "learning_rate": 0.2, "min_rows": 200}
    found = {}
    for place in ("ignore", "feature", "examination"):
        model = Gbdt(position=place, **settings).fit_rows(columns, click, group, CTX, shown=shown(group, position))
        found[place] = true_ndcg(model, fresh, relevance)
    assert found["feature"] > found["ignore"] + 0.015
    assert found["examination"] > found["ignore"] + 0.015
    assert found["feature"] > 0.985
    assert set(model.importance()) == {"quality", "old"}, "the place is no column of the ranker"


def test_the_chance_that_a_place_is_looked_at_is_recovered():
    """Within a tenth of 1 / (1 + place) at all ten places; the last has some 1,700 clicks, a standard error of 3 %."""
    columns, click, group, position, _ = biased(60_000)
    settings = {"trees": 80, "leaves": 8, "learning_rate": 0.2, "min_rows": 200}
    model = Gbdt(position="examination", **settings).fit_rows(columns, click, group, CTX, shown=shown(group, position))
    np.testing.assert_allclose(model.propensity_, 1 / (1 + np.arange(SHOWN)), rtol=0.1)


def test_without_a_bias_no_place_is_hidden():
    columns, click, group, position, _ = biased(4000, eta=0.0)
    settings = {"trees": 60, "leaves": 8, "learning_rate": 0.2, "min_rows": 200}
    model = Gbdt(position="examination", **settings).fit_rows(columns, click, group, CTX, shown=shown(group, position))
    assert model.propensity_.min() > 0.93


@pytest.mark.parametrize("objective", ["binary", "lambdarank"])
@pytest.mark.parametrize("place", ["feature", "examination"])
@pytest.mark.parametrize("leaves", [8, 100])
def test_saved_stopped_and_scored_without_a_place(objective, place, leaves, tmp_path):
    columns, click, group, position, _ = biased(300)
    model = Gbdt(objective=objective, position=place, trees=300, leaves=leaves, min_rows=5, early_stopping=5)
    model.fit_rows(columns, click, group, CTX, shown=shown(group, position))
    x = np.column_stack([columns[name] for name in model.columns_])
    score = model.score_matrix(x)
    assert np.isfinite(score).all()
    assert model.n_trees_ < 300
    model.save(tmp_path)
    again = Gbdt.load(tmp_path)
    assert again.score_matrix(x).tolist() == score.tolist()
    assert again.learned().keys() == model.learned().keys()


def test_places_that_are_not_known_or_no_places():
    columns, click, group, position, _ = biased(20)
    with pytest.raises(BadConfig, match="not known"):
        Gbdt(position="feature").fit_rows(columns, click, group, CTX)
    for wrong in (position[:-1], position - 1, position.astype(float)):
        with pytest.raises(SchemaMismatch, match="place"):
            Gbdt(position="feature").fit_rows(columns, click, group, CTX, shown=shown(group, wrong))
    ignored = Gbdt(trees=5).fit_rows(columns, click, group, CTX, shown=shown(group, position))
    assert ignored.gain_.tolist() == Gbdt(trees=5).fit_rows(columns, click, group, CTX).gain_.tolist()
    assert Logistic().fit_rows(columns, click, group, CTX, shown=shown(group, position)).is_fitted
