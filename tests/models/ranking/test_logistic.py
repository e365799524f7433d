import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.errors import SchemaMismatch
from shortlist.core.types import Candidates, Requests
from shortlist.models.ranking.logistic import Logistic
from shortlist.testing.models import ranking_rows


def scores(model, **cols):
    n = len(next(iter(cols.values())))
    return model.score(Requests.of([-1]), Candidates(np.zeros(n, np.int32), np.arange(n), 1, cols))[:, 0]


def test_first_step_by_hand():
    # Standardised to -1, 1; from zero weights every error is p - y = 0.5 - y.
    rows = {"x": np.array([10.0, 20.0])}
    model = Logistic(epochs=1, learning_rate=1.0, reg=0.0).fit_rows(rows, np.array([0.0, 1.0]), np.array([0, 0]))
    assert (model.mean_[0], model.std_[0]) == (15.0, 5.0)
    assert model.weights_.tolist() == [0.5]
    assert model.bias_ == 0.0
    np.testing.assert_allclose(scores(model, x=np.array([20.0, 15.0])), [1 / (1 + np.exp(-0.5)), 0.5])


def test_finds_the_planted_weights():
    columns, label, group = ranking_rows(n_requests=3000)
    model = Logistic(epochs=2000, reg=0.0).fit_rows(columns, label, group)
    found = dict(zip(model.columns_, model.weights_ / model.std_, strict=True))
    # Standard errors at 18,000 rows are about .02 to .03.
    assert found["match"] == pytest.approx(2.0, abs=0.1)
    assert found["popularity"] == pytest.approx(0.5, abs=0.08)
    assert found["noise"] == pytest.approx(0.0, abs=0.08)


def test_rare_clicks_get_rare_probabilities():
    """One click in fifty, and a column that says nothing: the probabilities are the share of clicks from the start."""
    label = np.tile(np.r_[1.0, np.zeros(49)], 40)
    rows = {"noise": np.random.default_rng(0).normal(size=len(label))}
    model = Logistic().fit_rows(rows, label, np.repeat(np.arange(40), 50))
    assert scores(model, **rows).mean() == pytest.approx(0.02, abs=0.0005)
    assert np.isfinite(Logistic().fit_rows(rows, np.zeros(2000), np.arange(2000)).bias_)


def test_unknown_values_count_as_the_mean_of_the_known():
    rows = {"x": np.array([0.0, 2.0, np.nan, np.inf]), "flat": np.ones(4)}
    model = Logistic().fit_rows(rows, np.array([0.0, 1.0, 0.0, 1.0]), np.arange(4))
    assert model.mean_.tolist() == [1.0, 1.0]
    flat, x = np.ones(3), np.array([np.nan, 1.0, -np.inf])
    assert len(set(scores(model, flat=flat, x=x))) == 1
    assert model.importance()["flat"] == 0.0


def test_a_column_without_any_known_value_is_harmless():
    rows = {"x": np.array([0.0, 1.0]), "void": np.full(2, np.nan)}
    model = Logistic().fit_rows(rows, np.array([0.0, 1.0]), np.arange(2))
    assert np.isfinite(scores(model, x=np.ones(1), void=np.full(1, np.nan))).all()


def test_extreme_values_stay_probabilities():
    model = Logistic().fit_rows({"x": np.array([0.0, 1e-3])}, np.array([0.0, 1.0]), np.arange(2))
    found = scores(model, x=np.array([-1e30, 1e30]))
    assert found.tolist() == [0.0, 1.0]
    beyond = scores(model, x=np.array([-1e300, 1e300]))
    assert beyond.tolist() == scores(model, x=np.full(2, np.nan)).tolist(), "unknown, as infinity is"


def test_grades_are_refused_and_progress_is_told():
    with pytest.raises(SchemaMismatch, match="lambdarank"):
        Logistic().fit_rows({"x": np.arange(2.0)}, np.array([0.0, 2.0]), np.arange(2))
    seen = []
    ctx = FitContext(progress=lambda done, total: seen.append((done, total)))
    Logistic(epochs=3).fit_rows({"x": np.arange(2.0)}, np.array([0.0, 1.0]), np.arange(2), ctx)
    assert seen == [(1, 3), (2, 3), (3, 3)]
