import numpy as np
import pytest

from shortlist.core.errors import BadConfig, UnknownName
from shortlist.core.types import History, Requests
from shortlist.models import create
from shortlist.models.retrieval.fusion import Fusion
from shortlist.models.retrieval.popularity import Popularity
from shortlist.models.retrieval.trails import Trails
from shortlist.testing.worlds import dataset_of, requests_for, small_log

PARTS = [{"model": "trails", "weight": 2.0}, {"model": "item_knn", "weight": -0.5, "config": {"neighbours": 5}}]


def by_hand(block, n_items):
    """z-scores of each row over the catalogue, what is missing counting as the row's lowest."""
    out = np.zeros((len(block), n_items))
    for b, row in enumerate(block):
        wide = np.full(n_items, np.nan)
        wide[: len(row)] = row
        if np.isfinite(wide).any():
            wide[~np.isfinite(wide)] = np.nanmin(wide)
            if wide.std() > 0:
                out[b] = (wide - wide.mean()) / wide.std()
    return out


def test_z_scores_are_added_by_weight():
    data = small_log()
    requests = requests_for(data)
    fused = Fusion(models=PARTS).fit(data)
    blocks = [create("trails").fit(data), create("item_knn", neighbours=5).fit(data)]
    one, two = (model.score_block(requests) for model in blocks)
    expected = 2.0 * by_hand(one, data.n_items) - 0.5 * by_hand(two, data.n_items)
    expected[~(np.isfinite(one) | np.isfinite(two))] = np.nan
    np.testing.assert_allclose(fused.score_block(requests), expected, rtol=1e-6, atol=1e-9)


def test_reciprocal_ranks_by_hand():
    events = [(u, i, float(i)) for i, n in enumerate((5, 3, 3, 1)) for u in range(n)]
    data = dataset_of(events, n_users=5, n_items=5)
    parts = ({"model": "popularity"}, {"model": "popularity", "weight": 2.0})
    block = Fusion(models=parts, scale="rank", constant=1.0).fit(data).score_block(Requests.of([0]))
    np.testing.assert_allclose(block[0], [3 / 2, 3 / 3, 3 / 3, 3 / 5, np.nan])
    short = Fusion(models=["popularity"], scale="rank", constant=1.0, depth=2).fit(data).score_block(Requests.of([0]))
    np.testing.assert_allclose(short[0], [1 / 2, 1 / 3, 1 / 3, 0.0, np.nan])


def test_a_part_without_an_opinion_changes_nothing():
    data = dataset_of([(0, 0, 1.0), (0, 1, 2.0), (1, 1, 3.0), (1, 2, 4.0)], n_users=2, n_items=4)
    stranger = Requests.of([-1], history=History.of([[3]]))
    alone = Fusion(models=["popularity"]).fit(data).score_block(stranger)
    both = Fusion(models=["popularity", "trails"]).fit(data).score_block(stranger)
    np.testing.assert_array_equal(alone, both)
    silent = Fusion(models=["trails", "content"]).fit(data)
    assert np.isnan(silent.score_block(Requests.of([-1]))).all()


def test_equal_scores_are_not_blown_up():
    data = dataset_of([(0, i, float(i)) for i in range(4)], n_users=1, n_items=4)
    block = Fusion(models=["popularity"]).fit(data).score_block(Requests.of([0]))
    np.testing.assert_array_equal(block, np.zeros((1, 4)))


class Lists:
    """A retriever that only makes lists."""

    n_users_, n_items_ = 40, 32

    def retrieve(self, requests, k):
        from shortlist.core.types import Hits

        row = np.repeat(np.arange(len(requests)), 2).astype(np.int32)
        return Hits(row, np.tile([7, 9], len(requests)), np.tile([2.0, 1.0], len(requests)).astype(np.float32))


def test_a_part_may_make_lists_only():
    data = small_log()
    fused = Fusion(models=["popularity", "trails"]).fit(data)
    fused.parts[1] = Lists()
    requests = requests_for(data)
    lifted = fused.score_block(requests)
    alone = Fusion(models=["popularity"]).fit(data).score_block(requests)
    assert (lifted[:, 7] > alone[:, 7] + 1).all()


def test_fitted_models_are_fused_without_another_fit(tmp_path):
    data = small_log()
    parts = {"popularity": Popularity().fit(data), "trails": Trails(window=3).fit(data)}
    fused = Fusion.of(parts, [0.5, 1.0])
    assert fused.parts[1] is parts["trails"]
    fresh = Fusion(models=[{"model": "popularity", "weight": 0.5}, {"model": "trails", "config": {"window": 3}}]).fit(
        data
    )
    requests = requests_for(data)
    np.testing.assert_array_equal(fused.score_block(requests), fresh.score_block(requests))
    assert fused.recommend("u1", k=3).height == 3
    fused.save(tmp_path)
    np.testing.assert_array_equal(Fusion.load(tmp_path).score_block(requests), fresh.score_block(requests))


def test_wrong_parts_are_refused():
    data = small_log()
    with pytest.raises(UnknownName, match="trails"):
        Fusion(models=["trials"])
    with pytest.raises(BadConfig, match="wnidow"):
        Fusion(models=[{"model": "trails", "config": {"wnidow": 3}}])
    with pytest.raises(BadConfig):
        Fusion(models=[])
    with pytest.raises(BadConfig, match="weights"):
        Fusion.of({"trails": Trails().fit(data)}, [1.0, 2.0])
    with pytest.raises(BadConfig, match="popularity"):
        Fusion.of({"popularity": Trails().fit(data)})


def test_an_update_reaches_the_parts_that_can_learn():
    data = small_log()
    fused = Fusion().fit(data.select(np.arange(data.n_events) < 400))
    fused.update(data.interactions.take(np.arange(400, data.n_events)))
    whole = Trails().fit(data)
    requests = requests_for(data)
    np.testing.assert_array_equal(fused.parts[0].score_block(requests), whole.score_block(requests))


def test_the_explanation_is_in_units_of_the_score():
    data = small_log()
    one = requests_for(data, [3])
    fused = Fusion(models=[{"model": "trails", "weight": 2.0}, "popularity"]).fit(data)
    block = Trails().fit(data).score_block(one)[0].astype(np.float64)
    wide = np.where(np.isfinite(block), block, np.nanmin(block))
    item = int(np.nanargmax(block))
    assert sum(fused.explain(one, item).values()) == pytest.approx(2.0 * block[item] / wide.std(), rel=1e-5)
    assert Fusion(models=["popularity"]).fit(data).explain(one, item) is None
