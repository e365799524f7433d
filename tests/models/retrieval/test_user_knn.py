from dataclasses import replace

import numpy as np
import pytest

from shortlist.core.errors import BadConfig
from shortlist.core.types import History, Requests
from shortlist.models.retrieval.user_knn import UserKnn
from shortlist.testing.worlds import checkerboard, dataset_of

TABLE = np.array([[5, 3, 4, 4, 0], [3, 1, 2, 3, 3], [4, 3, 4, 3, 5], [3, 3, 1, 5, 4], [1, 5, 5, 2, 1]])


def rated(table=TABLE):
    user, item = np.nonzero(table)
    data = dataset_of([(u, i, float(n)) for n, (u, i) in enumerate(zip(user, item, strict=True))],
                      n_users=len(table), n_items=table.shape[1])  # fmt: skip
    return replace(data, interactions=replace(data.interactions, value=table[user, item].astype(np.float32)))


def test_pearson_on_the_classic_table():
    data = rated()
    model = UserKnn(similarity="pearson", neighbours=2).fit(data)
    assert model.predict(0, 4) == pytest.approx(4.87, abs=5e-3)
    # Ranked by votes: the two nearest users gave the last item 3 and 5.
    block = model.score_block(Requests.of([0], history=data.histories(np.array([0]))))
    assert block[0, 4] == pytest.approx(0.8528 * 3 + 0.7071 * 5, abs=1e-3)


def test_prediction_falls_back_to_means():
    model = UserKnn(similarity="pearson").fit(rated())
    assert model.predict(-1, 4) == pytest.approx(TABLE[TABLE > 0].mean())
    assert model.predict(0, 99) == pytest.approx(4.0)
    with pytest.raises(BadConfig, match="ratings"):
        UserKnn().fit(rated()).predict(0, 4)


# Users 0 and 1 share items 0 and 1; user 2 has nothing in common with them.
DATA = dataset_of([(0, 0, 1), (0, 1, 2), (1, 0, 3), (1, 1, 4), (1, 2, 5), (2, 3, 6)], n_users=3, n_items=5)


def test_votes_by_hand_and_nobody_votes_for_themselves():
    model = UserKnn().fit(DATA)
    block = model.score_block(Requests.of([0, -1], history=History.of([[0, 1], [0, 1]])))
    near = 2 / 6**0.5
    np.testing.assert_allclose(block[0], [near, near, near, np.nan, np.nan])
    # A stranger with the same past also hears user 0, whose past is exactly theirs.
    np.testing.assert_allclose(block[1], [1 + near, 1 + near, near, np.nan, np.nan])


def test_only_the_nearest_vote():
    stranger = Requests.of([-1], history=History.of([[0, 1]]))
    np.testing.assert_allclose(UserKnn(neighbours=1).fit(DATA).score_block(stranger)[0], [1, 1] + [np.nan] * 3)


def test_pearson_has_no_opinion_on_strangers_because_histories_carry_no_ratings():
    model = UserKnn(similarity="pearson").fit(rated())
    assert np.isnan(model.score_block(Requests.of([-1], history=History.of([[0, 1, 2]])))).all()


def test_weighted_vectors_take_stored_values_and_one_for_what_is_new():
    data = rated()
    model = UserKnn(weight="last").fit(data)
    vectors = model._vectors(Requests.of([0, -1], history=History.of([[0, 4], [0]])))
    assert vectors.toarray().tolist() == [[5, 0, 0, 0, 1], [1, 0, 0, 0, 0]]


def test_withheld_square_of_the_checkerboard_comes_first():
    world = checkerboard()
    block = UserKnn().fit(world.data, world.ctx).score_block(world.requests)
    history = world.requests.history
    block[history.row, history.item] = np.nan
    assert np.nanargmax(block, axis=1).tolist() == world.answer
