import numpy as np
import pytest

from shortlist.core.errors import BadConfig, EmptyTraining, SchemaMismatch, StageError
from shortlist.core.types import Candidates, Requests
from shortlist.models.ranking.logistic import Logistic
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
