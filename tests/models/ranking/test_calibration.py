import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.errors import EmptyTraining, SchemaMismatch
from shortlist.core.types import Candidates, Requests
from shortlist.evaluation.metrics import brier, calibration_error
from shortlist.models.ranking import _calibration
from shortlist.models.ranking.gbdt import Gbdt
from shortlist.models.ranking.logistic import Logistic
from shortlist.testing.models import ranking_rows

CTX = FitContext(threads=1)


def scores(model, columns):
    n = len(next(iter(columns.values())))
    return model.score(Requests.of([-1]), Candidates(np.zeros(n, np.int32), np.arange(n), 1, columns))[:, 0]


def boastful(n=20_000, seed=0):
    """Scores whose log odds are twice what they should be, and the clicks."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(-1.0, 1.0, n)
    label = (rng.random(n) < 1 / (1 + np.exp(-truth))).astype(float)
    return 1 / (1 + np.exp(-2 * truth)), label


def test_platt_finds_the_two_numbers():
    """Log odds twice too large: the curve is half the log odds, its offset nothing. Standard errors are about .012."""
    score, label = boastful(60_000)
    curve = _calibration.learn("platt", score, label)
    slope = curve["slope"] / curve["scale"]
    assert slope == pytest.approx(0.5, abs=0.02)
    assert curve["offset"] - slope * curve["centre"] == pytest.approx(0.0, abs=0.04)


def test_isotonic_pools_adjacent_violators_by_hand():
    # Shares 0, 1, 0, 1 at scores 1..4: the middle two are pooled to .5; then each step takes one row of the mean, .5.
    curve = _calibration.learn("isotonic", np.array([1.0, 2, 3, 4]) * 10, np.array([0.0, 1, 0, 1]))
    assert curve["y"] == pytest.approx([0.25, 0.5, 0.75])
    at = np.array(curve["x"]) * curve["scale"] + curve["centre"]
    assert at == pytest.approx([10, 25, 40])
    assert _calibration.apply(curve, np.array([17.5])) == pytest.approx([0.375])


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_probabilities_come_true_on_fresh_rows_and_keep_their_order(kind):
    curve = _calibration.learn(kind, *boastful(seed=1))
    score, label = boastful(seed=2)
    better = _calibration.apply(curve, score)
    assert calibration_error(label, score) > 0.05
    assert calibration_error(label, better) < 0.015
    assert brier(label, better) < brier(label, score)
    rising = np.r_[0.0, np.sort(score), 1.0]
    assert (np.diff(_calibration.apply(curve, rising)) > 0).all(), "no step makes equals of different scores"


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_scores_of_any_scale_and_far_beyond_the_held_out_ones(kind):
    score, label = boastful()
    odds = np.log(score / (1 - score)) * 1e4
    curve = _calibration.learn(kind, odds, label)
    found = _calibration.apply(curve, np.array([-1e9, -2e5, 0.0, 2e5, 1e9, np.nan]))
    assert ((found[:5] >= 0) & (found[:5] <= 1)).all()
    assert (np.diff(found[:5]) >= 0).all()
    assert np.isnan(found[5])


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_a_score_that_says_nothing_is_refused(kind):
    label = np.array([1.0, 0, 1, 0])
    for level in (np.full(4, 0.3), np.array([0.1, 0.9, 0.1, 0.9])):
        with pytest.raises(EmptyTraining, match="do not rise"):
            _calibration.learn(kind, level, label)
    with pytest.raises(EmptyTraining, match="all of one kind"):
        _calibration.learn(kind, label, np.zeros(4))
    with pytest.raises(SchemaMismatch, match="Grades"):
        _calibration.learn(kind, label, label * 3)


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_the_curve_is_learned_on_the_last_requests_alone(kind):
    """The last fifth has another share of clicks: trees know the first four, the curve the last."""
    columns, label, group = ranking_rows(2000)
    late = group >= 1600
    rng = np.random.default_rng(3)
    label = np.where(late & (rng.random(len(label)) < 0.5), 0.0, label)
    plain = Gbdt(trees=40).fit_rows({n: c[~late] for n, c in columns.items()}, label[~late], group[~late], CTX)
    model = Gbdt(trees=40, calibration=kind).fit_rows(columns, label, group, CTX)
    held = {n: c[late] for n, c in columns.items()}
    assert model.gain_.tolist() == plain.gain_.tolist(), "the ranker has not seen the held-out rows"
    order = np.argsort(scores(plain, held), kind="stable")
    assert np.diff(scores(model, held)[order]).min() >= 0
    assert scores(plain, held).mean() > label[late].mean() * 1.7
    assert scores(model, held).mean() == pytest.approx(label[late].mean(), abs=0.01)


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_a_rank_loss_gets_probabilities_and_the_curve_is_saved(kind, tmp_path):
    columns, label, group = ranking_rows(1500)
    fresh, truth, _ = ranking_rows(800, seed=1)
    model = Gbdt(objective="lambdarank", trees=40, calibration=kind).fit_rows(columns, label, group, CTX)
    found = scores(model, fresh)
    assert 0 <= found.min() < found.max() <= 1
    assert calibration_error(truth, found) < 0.03
    model.save(tmp_path)
    assert scores(Gbdt.load(tmp_path), fresh).tolist() == found.tolist()
    assert "calibration_" not in Gbdt(trees=5).fit_rows(columns, label, group, CTX).learned()


def test_refit_without_calibration_forgets_the_curve():
    columns, label, group = ranking_rows(400)
    model = Logistic(calibration="platt").fit_rows(columns, label, group)
    assert model.calibration_["kind"] == "platt"
    model.set_params(calibration="none")
    again = model.fit_rows(columns, label, group)
    assert scores(again, columns).tolist() == scores(Logistic().fit_rows(columns, label, group), columns).tolist()


def test_too_few_requests_to_hold_some_out():
    with pytest.raises(EmptyTraining, match="too few"):
        Logistic(calibration="platt").fit_rows({"a": np.arange(4.0)}, np.array([0.0, 1, 0, 1]), np.zeros(4, np.int64))


def test_networks_are_calibrated_too(tmp_path):
    pytest.importorskip("torch", reason="needs the extra 'nn'")
    from shortlist.models import create
    from shortlist.models.ranking.fields.lr import Lr

    columns, label, group = ranking_rows(300)
    model = create("lr", calibration="platt", **Lr.contract_settings).fit_rows(columns, label, group, CTX)
    found = scores(model, columns)
    raw = model.score_matrix(np.column_stack([columns[name] for name in model.columns_]))
    assert found.tolist() == _calibration.apply(model.calibration_, raw).tolist()
    model.save(tmp_path)
    assert scores(Lr.load(tmp_path), columns).tolist() == found.tolist()
