import numpy as np
import pytest

from shortlist.core.errors import BadConfig, EmptyTraining, SchemaMismatch, StageError
from shortlist.core.registry import create
from shortlist.core.types import Candidates, Requests
from shortlist.models.ranking.logistic import Logistic
from shortlist.testing.models import ranking_rows
from shortlist.testing.worlds import small_log

ROWS = {"a": np.array([0.0, 1.0, 2.0, 3.0]), "b": np.array([True, False, True, False])}
LABEL = np.array([0.0, 0.0, 1.0, 1.0])
GROUP = np.array([5, 5, 2, 2])


def table(**cols):
    n = len(next(iter(cols.values())))
    return Candidates(np.zeros(n, np.int32), np.arange(n), 1, cols)


def test_without_configured_columns_all_are_taken_by_name():
    assert Logistic().fit_rows(dict(reversed(ROWS.items())), LABEL, GROUP).columns_ == ["a", "b"]
    assert Logistic(columns=("b",)).fit_rows(ROWS, LABEL, GROUP).columns_ == ["b"]


def test_missing_columns_are_named_when_fitting_and_when_scoring():
    with pytest.raises(BadConfig, match=r"price.*Known: a, b"):
        Logistic(columns=("price",)).fit_rows(ROWS, LABEL, GROUP)
    model = Logistic().fit_rows(ROWS, LABEL, GROUP)
    with pytest.raises(StageError, match="'b'"):
        model.score(Requests.of([-1]), table(a=np.ones(2)))


@pytest.mark.parametrize(
    ("columns", "label", "group", "named"),
    [
        ({"a": np.array(["x"] * 4)}, LABEL, GROUP, "'a'"),
        ({"a": np.ones((4, 2))}, LABEL, GROUP, "'a'"),
        ({"a": np.ones(3)}, LABEL, GROUP, "'a'"),
        (ROWS, LABEL, GROUP[:3], "length"),
        (ROWS, LABEL, np.array([5, 2, 5, 2]), "request"),
        (ROWS, np.array([0, 0, 1, np.nan]), GROUP, "label"),
        (ROWS, LABEL - 1, GROUP, "label"),
    ],
)
def test_rows_that_do_not_fit_together_are_refused(columns, label, group, named):
    with pytest.raises(SchemaMismatch, match=named):
        Logistic().fit_rows(columns, label, group)


def test_nothing_to_learn_from_is_an_error():
    with pytest.raises(EmptyTraining):
        Logistic().fit_rows({"a": np.empty(0)}, np.empty(0), np.empty(0, np.int64))
    with pytest.raises(BadConfig, match="feature column"):
        Logistic().fit_rows({}, LABEL, GROUP)
    with pytest.raises(StageError, match="fit_rows"):
        Logistic().fit(small_log())


def test_refit_forgets_and_no_rows_give_no_scores():
    first = Logistic().fit_rows(ROWS, LABEL, GROUP)
    again = first.fit_rows({"c": 1 - ROWS["a"]}, LABEL, GROUP)
    fresh = Logistic().fit_rows({"c": 1 - ROWS["a"]}, LABEL, GROUP)
    assert again.columns_ == ["c"]
    assert again.learned().keys() == fresh.learned().keys()
    assert again.weights_.tolist() == fresh.weights_.tolist()
    assert again.score(Requests.of([]), table(c=np.empty(0))).shape == (0, 1)


SMALL = {"gbdt": {"trees": 20, "min_rows": 5}, "logistic": {}, "deepfm": {"epochs": 2}}


def fitted_with(name, **changed):
    """A small ranker of that name on the usual rows, columns changed or added."""
    if name == "deepfm":
        pytest.importorskip("torch")
    columns, label, group = ranking_rows()
    columns = {**columns, **changed}
    return create(name, "ranker", **SMALL[name]).fit_rows(columns, label, group), columns


@pytest.mark.parametrize("name", SMALL)
def test_a_column_without_any_value_is_worth_nothing_and_breaks_nothing(name):
    n = len(ranking_rows()[1])
    model, columns = fitted_with(name, empty=np.full(n, np.nan))
    assert model.importance()["empty"] == 0.0
    asked = {key: values[:50] for key, values in columns.items()}
    found = model.score(Requests.of([-1]), table(**asked))
    assert np.ptp(found) > 0
    filled = model.score(Requests.of([-1]), table(**{**asked, "empty": np.full(50, 3.0)}))
    assert np.isfinite(filled).all()


@pytest.mark.parametrize("name", SMALL)
def test_numbers_beyond_single_precision_count_as_unknown(name):
    """In the rows that teach, where their squares would not exist, as in those that are scored."""
    match = ranking_rows()[0]["match"].astype(float)
    match[[3, 4, 5]] = 1e300, -1e39, np.inf
    model, columns = fitted_with(name, match=match)
    same, _ = fitted_with(name, match=np.where(np.abs(match) > 1e38, np.nan, match))
    asked = {key: values[:60] for key, values in columns.items()}
    found = model.score(Requests.of([-1]), table(**asked))
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, same.score(Requests.of([-1]), table(**asked)))
    for value in (1e300, -np.inf):
        far = model.score(Requests.of([-1]), table(**{**asked, "match": np.full(60, value)}))
        unknown = model.score(Requests.of([-1]), table(**{**asked, "match": np.full(60, np.nan)}))
        np.testing.assert_array_equal(far, unknown)
