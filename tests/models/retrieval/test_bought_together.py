import numpy as np
import pytest

from shortlist.core.errors import BadConfig
from shortlist.core.types import History, Requests
from shortlist.data.dataset import Dataset, Interactions
from shortlist.models.retrieval.bought_together import BoughtTogether
from shortlist.testing.worlds import checkerboard, dataset_of, requests_for, small_log

BREAD, BUTTER, SALT, RADIO, BATTERY = range(5)
BASKETS = [  # user, time, what
    (0, 0, [BREAD, BUTTER]),
    (0, 10_000, [BREAD, BUTTER, SALT]),
    (1, 0, [BREAD, SALT]),
    (1, 90_000, [RADIO, BATTERY]),
    (2, 500, [BATTERY, RADIO]),
    (2, 20_000, [BREAD]),
]


def shop(pause=60.0):
    """Items of a basket are a minute apart."""
    events = [(u, i, at + pause * n) for u, at, items in BASKETS for n, i in enumerate(items)]
    return dataset_of(events, n_users=3, n_items=6)


def test_confidence_and_lift_by_hand():
    """Six baskets: bread in 4, butter in 2, salt in 2, radio and battery in 2."""
    links = BoughtTogether(min_support=1).fit(shop()).links_.toarray()
    assert links[BREAD, BUTTER] == pytest.approx(2 / 4)
    assert links[BUTTER, BREAD] == pytest.approx(2 / 2)
    assert links[SALT, BUTTER] == pytest.approx(1 / 2)
    assert links[BREAD, RADIO] == 0, "one user, two baskets"
    lift = BoughtTogether(min_support=1, measure="lift").fit(shop()).links_.toarray()
    assert lift[BREAD, BUTTER] == lift[BUTTER, BREAD] == pytest.approx(2 * 6 / (4 * 2))
    assert lift[RADIO, BATTERY] == pytest.approx(2 * 6 / (2 * 2))


def test_pairs_in_too_few_baskets_are_not_linked():
    links = BoughtTogether(min_support=2).fit(shop()).links_.toarray()
    assert np.argwhere(links).tolist() == [[BREAD, BUTTER], [BREAD, SALT], [BUTTER, BREAD], [SALT, BREAD],
                                           [RADIO, BATTERY], [BATTERY, RADIO]]  # fmt: skip


def test_a_pause_ends_a_basket_and_zero_takes_one_moment():
    assert BoughtTogether().fit(shop(pause=3_700.0)).links_.nnz == 0, "nothing is together"
    whole = BoughtTogether(basket_gap_s=1e9).fit(shop())
    assert whole.n_baskets_ == 3
    stamped = BoughtTogether(basket_gap_s=0.0).fit(shop(pause=0.0))
    assert stamped.n_baskets_ == 6
    assert stamped.links_.toarray()[BUTTER, BREAD] == 1


def test_the_basket_at_hand_is_read_and_nothing_before_it():
    model = BoughtTogether(min_support=1).fit(shop())
    history = History.of([[RADIO, BUTTER, SALT], [RADIO]], [[0.0, 50_000.0, 50_100.0], [50_000.0]])
    hits = model.retrieve(Requests.of([-1, -1], now=60_000.0, history=history), 1)
    assert hits.item.tolist() == [BREAD, BATTERY]
    assert hits.score[0] == pytest.approx(1 + 1), "butter and salt both call for bread"
    one = Requests.of([-1], now=60_000.0, history=History.of([[RADIO, BUTTER, SALT]], [[0.0, 50_000.0, 50_100.0]]))
    assert model.explain(one, BREAD) == pytest.approx({BUTTER: 1.0, SALT: 1.0})


def test_evidence_says_in_how_many_baskets_and_against_what_chance():
    expected = {"baskets": 2, "confidence": 0.5, "lift": 1.5}
    for measure in ("confidence", "lift"):
        model = BoughtTogether(measure=measure).fit(shop())
        assert model.evidence(BREAD, BUTTER) == pytest.approx(expected)
        assert model.evidence(BREAD, RADIO) is None
        assert model.evidence(99, BREAD) is None


def test_only_chosen_interaction_types_make_baskets():
    seen = shop().interactions
    bought = np.isin(seen.item, [RADIO, BATTERY]).astype(np.int16)
    events = Interactions(seen.user, seen.item, seen.at, seen.value, bought, ("view", "purchase"))
    data = Dataset("shop", events, shop().users, shop().items)
    model = BoughtTogether(types=("purchase",)).fit(data)
    assert model.n_baskets_ == 2
    assert sorted(set(model.links_.indices.tolist())) == [RADIO, BATTERY]
    with pytest.raises(BadConfig, match="view, purchase"):
        BoughtTogether(types=("refund",)).fit(data)


def test_huge_baskets_are_bounded_and_links_are_cut():
    model = BoughtTogether(max_basket=2, min_support=1).fit(shop())
    assert model.evidence(BREAD, BUTTER)["baskets"] == 1, "of the second basket only butter and salt count"
    cut = BoughtTogether(neighbours=1, min_support=1, basket_gap_s=1e9).fit(small_log())
    assert np.diff(cut.links_.indptr).max() == 1


def test_items_like_one_are_what_is_bought_with_it():
    model = BoughtTogether().fit(shop())
    block = model.similar_block(np.array([RADIO]))
    assert np.nanargmax(block[0]) == BATTERY


def test_checkerboard_and_lonely_items():
    world = checkerboard()
    block = BoughtTogether().fit(world.data, world.ctx).score_block(world.requests)
    block[world.requests.history.row, world.requests.history.item] = np.nan
    assert np.nanargmax(block, axis=1).tolist() == world.answer
    lonely = dataset_of([(0, 0, 1.0), (1, 1, 2.0)], n_users=2, n_items=2)
    assert len(BoughtTogether().fit(lonely).retrieve(requests_for(lonely), 5)) == 0
