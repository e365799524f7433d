import numpy as np
import pytest

from shortlist.core.errors import StageError
from shortlist.core.types import History, Requests
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
