from dataclasses import replace

import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, StageError
from shortlist.core.types import History, Requests
from shortlist.models.retrieval.item_knn import ItemKnn
from shortlist.testing.worlds import checkerboard, dataset_of, requests_for, small_log

# The classic five by five table of ratings; user 0 has not rated the last item.
TABLE = np.array([[5, 3, 4, 4, 0], [3, 1, 2, 3, 3], [4, 3, 4, 3, 5], [3, 3, 1, 5, 4], [1, 5, 5, 2, 1]])


def rated(table=TABLE):
    user, item = np.nonzero(table)
    data = dataset_of([(u, i, float(n)) for n, (u, i) in enumerate(zip(user, item, strict=True))],
                      n_users=len(table), n_items=table.shape[1])  # fmt: skip
    return replace(data, interactions=replace(data.interactions, value=table[user, item].astype(np.float32)))


def test_pearson_on_the_classic_table():
    model = ItemKnn(similarity="pearson", neighbours=2).fit(rated())
    assert model.similarity_[[0], [4]][0] == pytest.approx(0.969, abs=5e-4)
    assert model.similarity_[[3], [4]][0] == pytest.approx(0.58, abs=5e-3)
    assert model.similarity_[:, [4]].nnz == 2, "only the two nearest of the scored item are kept"
    assert model.predict(0, 4) == pytest.approx(4.6, abs=5e-3)


def test_prediction_falls_back_to_means():
    model = ItemKnn(similarity="pearson", neighbours=2).fit(rated())
    assert model.predict(99, 4) == pytest.approx(13 / 4)
    assert model.predict(0, 99) == pytest.approx(TABLE[TABLE > 0].mean())
    with pytest.raises(BadConfig, match="ratings"):
        ItemKnn().fit(rated()).predict(0, 4)


def test_cosine_and_jaccard_by_hand():
    # Item 0: users 0, 1, 3; item 1: users 0, 1; item 2: users 2, 3.
    data = dataset_of([(0, 0, 1), (1, 0, 2), (3, 0, 3), (0, 1, 4), (1, 1, 5), (2, 2, 6), (3, 2, 7)],
                      n_users=4, n_items=4)  # fmt: skip
    ask = Requests.of([-1, -1], history=History.of([[1], [0, 0, 1]]))
    cosine = ItemKnn(neighbours=None).fit(data).score_block(ask)
    near, far = 2 / 6**0.5, 1 / 6**0.5
    np.testing.assert_allclose(cosine, [[near, np.nan, np.nan, np.nan], [near, near, far, np.nan]])
    jaccard = ItemKnn(similarity="jaccard").fit(data).score_block(ask)
    np.testing.assert_allclose(jaccard[0], [2 / 3, np.nan, np.nan, np.nan])


def test_withheld_square_of_the_checkerboard_comes_first():
    world = checkerboard()
    model = ItemKnn().fit(world.data, world.ctx)
    block = model.score_block(world.requests)
    history = world.requests.history
    block[history.row, history.item] = np.nan
    assert np.nanargmax(block, axis=1).tolist() == world.answer


def test_neighbours_are_cut_for_the_scored_item_or_for_the_past_one():
    data = small_log()
    target, source = (ItemKnn(neighbours=3, keep=keep).fit(data).similarity_ for keep in ("target", "source"))
    assert np.diff(source.indptr).max() <= 3
    assert np.bincount(target.indices).max() <= 3
    np.testing.assert_allclose(target.toarray(), source.toarray().T)


def test_threads_change_nothing():
    data = small_log()
    one, two = (ItemKnn(neighbours=5).fit(data, FitContext(threads=t)).similarity_ for t in (1, 2))
    assert (one.toarray() == two.toarray()).all()


def test_reasons_add_up_to_the_score():
    data = small_log()
    model = ItemKnn().fit(data)
    one = requests_for(data, [3])
    hit = model.retrieve(one, 1)
    reasons = model.explain(one, int(hit.item[0]))
    assert sum(reasons.values()) == pytest.approx(float(hit.score[0]))
    assert set(reasons) <= set(one.history.item.tolist())


@pytest.mark.parametrize("similarity", ["adjusted_cosine", "bm25", "cosine", "jaccard", "lift", "pearson", "tfidf"])
def test_negative_weights_never_make_a_score_that_is_not_finite(similarity):
    table = np.array([[5, -3, 4], [-1, 1, 2], [4, 0, -4], [3, -3, 0]])
    model = ItemKnn(similarity=similarity, weight="value").fit(rated(table))
    assert np.isfinite(model.similarity_.data).all()
    hits = model.retrieve(requests_for(rated(table)), 3)
    assert np.isfinite(hits.score).all()


def test_broken_weights_are_refused():
    table = rated()
    values = table.interactions.value.copy()
    values[3] = np.nan
    broken = replace(table, interactions=replace(table.interactions, value=values))
    with pytest.raises(StageError, match="finite"):
        ItemKnn(weight="value").fit(broken)


def test_all_equal_ratings_agree_about_nothing():
    table = rated(np.full((3, 3), 4))
    for similarity in ("pearson", "adjusted_cosine"):
        assert len(ItemKnn(similarity=similarity).fit(table).retrieve(requests_for(table), 3)) == 0
