import numpy as np
import pytest

from benchmarks import made
from benchmarks.quality import as_good, of_lists, of_model, of_scores
from shortlist.core.contracts import FitContext
from shortlist.core.registry import load
from shortlist.data.splits import split


def test_a_peers_scores_are_judged_like_our_models():
    parts = split(made.as_dataset(*made.make(120, 60, 3000), 60), "leave-last-out")
    model = load("ease", "retriever")(reg=10.0).fit(parts.fit_on, FitContext(threads=1))
    scores = parts.fit_on.matrix() @ model.weights_
    assert of_scores(scores, parts) == pytest.approx(of_model(model, parts), abs=1e-12)
    assert of_scores(scores, parts) > 0.02


def test_ranks_by_hand():
    indptr, items = np.array([0, 2, 4]), np.array([0, 1, 0, 2], np.int32)
    parts = split(made.as_dataset(indptr, items, 4), "leave-last-out")
    # User 0 lacks items 1, 2, 3 and took 1, which is second of them; user 1 took 2, which ties for the first place.
    scores = np.array([[9.0, 2.0, 3.0, 1.0], [9.0, 0.0, 5.0, 5.0]])
    assert of_scores(scores, parts) == pytest.approx(1 / np.log2(3))


def test_lists_are_judged_by_the_same_evaluator():
    parts = split(made.as_dataset(*made.make(120, 60, 3000), 60), "leave-last-out")
    model = load("ease", "retriever")(reg=10.0).fit(parts.fit_on, FitContext(threads=1))
    hits = model.retrieve(parts.test.requests(10), 10, exclude=parts.test.history)
    lists = np.full((len(parts.test), 10), -1)
    lists[hits.row, np.arange(len(hits.row)) - np.searchsorted(hits.row, hits.row)] = hits.item
    assert of_lists(lists, parts) == pytest.approx(of_model(model, parts), abs=1e-12)
    assert of_lists(lists[:, ::-1], parts) < of_lists(lists, parts)


def test_worse_by_more_than_one_in_a_hundred_is_worse():
    assert as_good(0.0995, 0.1) == {"NDCG@10": [0.0995, 0.1]}
    with pytest.raises(AssertionError, match=r"0\.0985"):
        as_good(0.0985, 0.1)
