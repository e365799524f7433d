import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BundleCorrupt, SchemaMismatch
from shortlist.core.types import Candidates, Requests
from shortlist.models.ranking.gbdt import TREES, Gbdt
from shortlist.testing.models import ranking_rows

CTX = FitContext(threads=1)


def scores(model, **cols):
    n = len(next(iter(cols.values())))
    return model.score(Requests.of([-1]), Candidates(np.zeros(n, np.int32), np.arange(n), 1, cols))[:, 0]


def interaction_rows(n_requests=400, shown=5, seed=0):
    """Clicked exactly where two columns agree in sign: no weighted sum can tell."""
    rng = np.random.default_rng(seed)
    cols = {name: rng.normal(size=n_requests * shown) for name in ("a", "b")}
    return cols, (cols["a"] * cols["b"] > 0).astype(float), np.repeat(np.arange(n_requests), shown)


@pytest.mark.parametrize("objective", ["binary", "lambdarank"])
def test_finds_an_interaction(objective):
    columns, label, group = interaction_rows()
    model = Gbdt(objective=objective, trees=60).fit_rows(columns, label, group, CTX)
    fresh, truth, _ = interaction_rows(seed=1)
    found = scores(model, **fresh)
    above = (found[truth == 1][:, None] > found[truth == 0]).mean()
    assert above > 0.95, "the AUC on fresh rows"
    if objective == "binary":
        assert ((found > 0) & (found < 1)).all()


def test_unknown_values_have_their_own_branch():
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    x[::2] = np.nan
    label = np.isnan(x).astype(float)
    model = Gbdt(trees=30).fit_rows({"x": x}, label, np.arange(400), CTX)
    known, unknown, endless = scores(model, x=np.array([0.3, np.nan, np.inf]))
    assert unknown > 0.8 > 0.2 > known
    assert endless == unknown


def test_threads_and_batches_change_nothing():
    columns, label, group = ranking_rows()
    one = Gbdt(trees=30, row_share=0.8, column_share=0.7).fit_rows(columns, label, group, FitContext(seed=4, threads=1))
    two = Gbdt(trees=30, row_share=0.8, column_share=0.7).fit_rows(columns, label, group, FitContext(seed=4, threads=2))
    other = Gbdt(trees=30, row_share=0.8, column_share=0.7, seed=5).fit_rows(columns, label, group, CTX)
    whole = scores(one, **columns)
    assert whole.tolist() == scores(two, **columns).tolist()
    assert whole.tolist() != scores(other, **columns).tolist()
    assert scores(one, **{name: col[7:8] for name, col in columns.items()})[0] == whole[7]


@pytest.mark.parametrize("objective", ["binary", "lambdarank"])
def test_early_stopping_keeps_the_best_round(objective):
    columns, _, group = ranking_rows()
    noise = np.random.default_rng(1).integers(0, 2, len(group)).astype(float)
    model = Gbdt(objective=objective, trees=100, early_stopping=5).fit_rows(columns, noise, group, CTX)
    assert model.n_trees_ < 50, "pure noise gives nothing to learn"
    assert Gbdt(trees=20).fit_rows(columns, noise, group, CTX).n_trees_ == 20
    few = {name: col[:40] for name, col in columns.items()}
    alone = Gbdt(trees=5, early_stopping=5, min_rows=2).fit_rows(few, noise[:40], np.zeros(40, np.int64), CTX)
    assert alone.n_trees_ == 5, "one request cannot spare any"


def test_labels_must_suit_the_objective():
    rows = {"x": np.arange(4.0)}
    with pytest.raises(SchemaMismatch, match="lambdarank"):
        Gbdt().fit_rows(rows, np.array([0, 1, 2, 0.0]), np.arange(4), CTX)
    for bad in (31.0, 0.5):
        with pytest.raises(SchemaMismatch, match="Grades"):
            Gbdt(objective="lambdarank").fit_rows(rows, np.array([0, 1, bad, 0]), np.arange(4), CTX)


def test_trees_are_text_and_a_damaged_file_is_refused(tmp_path):
    columns, label, group = ranking_rows()
    Gbdt(trees=5).fit_rows(columns, label, group, CTX).save(tmp_path)
    assert (tmp_path / TREES).read_text().startswith("tree\n")
    (tmp_path / TREES).write_text("nonsense")
    with pytest.raises(BundleCorrupt, match="trees"):
        Gbdt.load(tmp_path)
    (tmp_path / TREES).unlink()
    with pytest.raises(BundleCorrupt, match="trees"):
        Gbdt.load(tmp_path)


@pytest.mark.parametrize("objective", ["binary", "lambdarank"])
@pytest.mark.parametrize("leaves", [31, 200])
def test_scores_are_those_of_lightgbm(objective, leaves):
    columns, label, group = interaction_rows(n_requests=1500)
    label = np.where(np.random.default_rng(0).random(len(label)) < 0.2, 1 - label, label)
    model = Gbdt(objective=objective, trees=20, leaves=leaves, min_rows=2).fit_rows(columns, label, group, CTX)
    assert (model._bits is None) == (leaves > 64)
    theirs = model._booster.predict(np.column_stack([columns["a"], columns["b"]]), num_threads=1)
    np.testing.assert_allclose(scores(model, **columns), theirs, rtol=1e-14)


def test_columns_without_any_known_value_and_endless_numbers_are_harmless():
    columns, label, group = ranking_rows()
    n = len(label)
    void, endless = np.full(n, np.nan), np.where(np.arange(n) % 2, np.inf, 1e308)
    model = Gbdt(trees=10).fit_rows({**columns, "void": void, "endless": endless}, label, group, CTX)
    assert model.importance()["void"] == 0.0
    asked = {**{name: col[:4] for name, col in columns.items()}, "void": np.full(4, np.nan)}
    found = scores(model, **asked, endless=np.array([np.inf, -np.inf, np.nan, 1.7e308]))
    assert np.isfinite(found).all()
    assert np.isfinite(scores(model, **{**asked, "void": np.full(4, 5.0)}, endless=np.full(4, 1e300))).all()


def test_labels_between_no_and_yes_are_chances():
    """A teacher's chances teach chances: LightGBM's own log loss would take each of them for a click."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=4000)
    chance = 1 / (1 + np.exp(-x))
    for more in ({}, {"early_stopping": 5}):
        model = Gbdt(leaves=4, trees=60, **more).fit_rows({"x": x}, chance, np.arange(4000))
        found = model.score_matrix(x[:, None])
        assert np.corrcoef(found, chance)[0, 1] > 0.99
        assert np.abs(found - chance).mean() < 0.06
