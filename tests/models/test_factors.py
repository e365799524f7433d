import numpy as np
import pytest

from shortlist.core.errors import StageError
from shortlist.core.types import History, Requests
from shortlist.models import factors
from shortlist.models.factors import ItemFactorModel


class Sum(ItemFactorModel):
    """A request's vector is the sum of its items' vectors."""

    def fold_in(self, requests):
        out = np.zeros((len(requests), 2))
        np.add.at(out, requests.history.row, self.item_factors_[requests.history.item])
        return out


@pytest.fixture
def model():
    """Items (1, 0), (3, 4), (0, 2), and one without events."""
    model = Sum()
    model.n_items_ = 4
    model.item_factors_ = np.array([[1, 0], [3, 4], [0, 2], [0, 0]], np.float32)
    model.known_ = np.array([True, True, True, False])
    return model


def asked(*histories):
    return Requests.of([-1] * len(histories), now=1.0, history=History.of([list(h) for h in histories]))


def test_scores_are_inner_products_where_there_is_evidence(model):
    found = model.score_block(asked([0, 2], []))
    assert found.dtype == np.float32
    assert found[0, :3].tolist() == [1.0, 11.0, 4.0]
    assert np.isnan(found[0, 3])
    assert np.isnan(found[1]).all()


def test_likeness_is_the_cosine(model):
    found = model.similar_block(np.array([0, 3]))
    assert found[0, :3].tolist() == pytest.approx([1.0, 0.6, 0.0])
    assert np.isnan(found[0, 3])
    assert np.isnan(found[1]).all()


def test_vectors_for_an_index_give_the_same_scores(model):
    requests = asked([0, 2])
    product = model.encode_requests(requests) @ model.encode_items(np.arange(3)).T
    assert product[0].tolist() == model.score_block(requests)[0, :3].tolist()


def test_fold_in_is_the_models_own_business():
    with pytest.raises(StageError, match="fold_in"):
        ItemFactorModel().fold_in(asked([0]))


def test_lists_are_those_of_the_scores_without_what_must_not_come_back(model):
    requests = asked([0, 2], [], [1])
    hits = model.retrieve(requests, 2)
    assert hits.row.tolist() == [0, 0, 2, 2]
    assert hits.item.tolist() == [1, 2, 1, 2]
    assert hits.score.tolist() == [11.0, 4.0, 25.0, 8.0]
    hits = model.retrieve(requests, 2, exclude=History.of([[1], [], [0, 9, -1]]))
    assert hits.item.tolist() == [2, 0, 1, 2]


def test_new_vectors_are_seen_at_once(model):
    assert model.retrieve(asked([0]), 1).item.tolist() == [1]
    model.item_factors_ = np.array([[9, 0], [3, 4], [0, 2], [0, 0]], np.float32)
    assert model.retrieve(asked([0]), 1).item.tolist() == [0]
    model.known_ = np.array([False, True, True, False])
    assert model.retrieve(asked([0]), 1).item.tolist() == [1]


def test_large_batches_are_answered_in_parts(model, monkeypatch):
    requests = asked(*[[b % 3] for b in range(50)])
    exclude = History.of([[b % 3] for b in range(50)])
    whole = model.retrieve(requests, 2, exclude=exclude)
    monkeypatch.setattr(factors, "REQUESTS", 8)
    parts = model.retrieve(requests, 2, exclude=exclude)
    assert whole.row.tolist() == parts.row.tolist()
    assert whole.item.tolist() == parts.item.tolist()
