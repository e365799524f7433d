"""Neighbour models that learn from single events, against fits on everything."""

import copy
import threading

import numpy as np
import pytest

from shortlist.core.contracts import Updatable, takes_events
from shortlist.core.errors import BadConfig, TooLarge
from shortlist.core.types import History, Requests
from shortlist.models.retrieval.bought_together import BoughtTogether
from shortlist.models.retrieval.fusion import Fusion
from shortlist.models.retrieval.item_knn import ItemKnn
from shortlist.models.retrieval.sar import Sar
from shortlist.testing.models import UPDATE_CHECKS
from shortlist.testing.worlds import dataset_of, popular_log, requests_for

MODELS = {
    "sar": lambda: Sar(neighbours=3, half_life_s=50.0),
    "sar by lift": lambda: Sar(neighbours=4, similarity="lift", max_events=5),
    "sar by counts": lambda: Sar(neighbours=2, similarity="cooccurrence", min_common=2),
    "sar, all links": lambda: Sar(neighbours=None, similarity="cosine"),
    "items": lambda: ItemKnn(neighbours=3),
    "items by source": lambda: ItemKnn(neighbours=3, keep="source", similarity="jaccard", shrinkage=2.0),
    "items, slanted": lambda: ItemKnn(neighbours=4, asymmetry=0.2, min_similarity=0.15, min_common=2),
    "items by lift": lambda: ItemKnn(neighbours=5, similarity="lift", shrinkage=1.0, min_similarity=0.7),
    "baskets": lambda: BoughtTogether(neighbours=2, basket_gap_s=15.0),
    "baskets by lift": lambda: BoughtTogether(neighbours=3, measure="lift", basket_gap_s=30.0, max_basket=3),
}


def log():
    return popular_log(300, 15, 18, fall=0.15)


def part(data, rows):
    return data.select(np.isin(np.arange(data.n_events), rows))


def events(data, rows):
    return data.interactions.take(np.asarray(rows))


def same_links(model, fresh):
    mine, theirs = getattr(model, model.table), getattr(fresh, fresh.table)
    assert mine.shape == theirs.shape
    np.testing.assert_array_equal(mine.indptr, theirs.indptr)
    np.testing.assert_array_equal(mine.indices, theirs.indices)
    np.testing.assert_allclose(mine.data, theirs.data, rtol=1e-14)


def same_scores(model, fresh, requests):
    np.testing.assert_allclose(model.score_block(requests), fresh.score_block(requests), rtol=1e-13)


@pytest.mark.parametrize("name", MODELS)
def test_links_are_those_of_a_fit_after_every_event(name):
    """Events come in no order of time; answers are read from counts, and the links once more when written down."""
    data = log()
    order = np.random.default_rng(1).permutation(data.n_events)
    model = MODELS[name]().fit(part(data, order[:150]))
    for n in range(150, data.n_events):
        model.update(events(data, order[n : n + 1]))
        if n % 8 == 0 or n == data.n_events - 1:
            fresh = MODELS[name]().fit(part(data, order[: n + 1]))
            assert not model._rest, "the answer below comes from counts"
            same_scores(model, fresh, requests_for(data))
            same_links(copy.copy(model), fresh)
            model._rest = {}


@pytest.mark.parametrize("check", ["a_copy_learns_alone", "one_update_equals_many", "updated_models_save_and_load"])
@pytest.mark.parametrize("name", ["sar by lift", "items, slanted", "baskets by lift"])
def test_other_settings_keep_the_contract_of_updates(name, check):
    UPDATE_CHECKS[check](MODELS[name])


@pytest.mark.parametrize("name", MODELS)
def test_many_events_are_compared_anew_to_the_same_links(name, monkeypatch):
    data = log()
    order = np.random.default_rng(2).permutation(data.n_events)
    monkeypatch.setattr("shortlist.models.retrieval._live_neighbours.MANY_EVENTS", 40)
    model = MODELS[name]().fit(part(data, order[:150])).update(events(data, order[150:160]))
    model.update(events(data, order[160:290])).update(events(data, order[290:]))
    same_scores(model, MODELS[name]().fit(data), requests_for(data))


@pytest.mark.parametrize("name", ["sar", "items", "baskets"])
def test_reasons_after_an_event_add_up_to_the_score(name):
    data = log()
    model = MODELS[name]().fit(part(data, np.arange(299))).update(events(data, [299]))
    one = requests_for(data, [2])
    hits = model.retrieve(one, 1)
    reasons = model.explain(one, int(hits.item[0]))
    assert sum(reasons.values()) == pytest.approx(float(hits.score[0]))
    assert set(reasons) <= set(one.history.item.tolist())


def test_large_batches_write_the_links_down_and_answer_alike():
    data = log()
    model = Sar(neighbours=3).fit(part(data, np.arange(250))).update(events(data, np.arange(250, 300)))
    one = requests_for(data, [3])
    alone = model.score_block(one)
    assert not model._rest
    many = model.score_block(requests_for(data, [3] * 300))
    assert model._rest
    np.testing.assert_array_equal(many, np.repeat(alone, 300, axis=0))
    np.testing.assert_array_equal(model.score_block(one), alone)


def test_an_event_changes_the_next_answer_of_another_user():
    data = dataset_of([(0, 0, 0.0), (0, 1, 1.0), (1, 0, 2.0)], n_users=3, n_items=3)
    ask = Requests.of([-1], history=History.of([[0]]))
    for model in (Sar(), ItemKnn()):
        model.fit(data)
        assert model.retrieve(ask, 3).item.tolist() == [1]
        one = events(dataset_of([(1, 2, 3.0), (2, 0, 4.0), (2, 2, 5.0)], n_users=3, n_items=3), np.arange(3))
        assert model.update(one).retrieve(ask, 3).item.tolist() == [2, 1]


def test_only_events_of_the_chosen_types_make_baskets():
    data = log()
    kinds = np.random.default_rng(3).integers(2, size=data.n_events).astype(np.int16)
    object.__setattr__(data.interactions, "type", kinds)
    object.__setattr__(data.interactions, "types", ("view", "purchase"))
    make = lambda: BoughtTogether(types=("purchase",), basket_gap_s=15.0, min_support=1)  # noqa: E731
    model = make().fit(part(data, np.arange(200))).update(events(data, np.arange(200, 300)))
    same_links(model, make().fit(data))
    views = events(data, np.flatnonzero(kinds == 0)[:5])
    object.__setattr__(views, "item", views.item + 30)
    before = model.n_baskets_
    assert model.update(views).n_items_ > 40
    assert model.n_baskets_ == before
    assert len(model.retrieve(requests_for(data), 5))


def test_settings_under_which_everything_moves_refuse_events_and_say_why():
    data = log()
    for config in ({"similarity": "tfidf"}, {"similarity": "bm25"}, {"similarity": "pearson"}, {"weight": "count"}):
        model = ItemKnn(**config).fit(data)
        assert isinstance(model, Updatable)
        assert not takes_events(model)
        with pytest.raises(BadConfig, match="single events"):
            model.update(events(data, [0]))
    assert takes_events(ItemKnn())
    fused = Fusion(models=[{"model": "item_knn", "config": {"similarity": "tfidf"}}, "sar"]).fit(
        part(data, [*range(290)])
    )
    assert "item_knn" in fused.inexact_updates
    same_links(fused.update(events(data, np.arange(290, 300))).parts[1], Sar().fit(data))


def test_too_many_pairs_are_refused_with_the_remedy():
    data = log()
    for model in (Sar(max_links=20), ItemKnn(max_links=20)):
        model.fit(part(data, np.arange(250)))
        with pytest.raises(TooLarge, match="pairs") as refusal:
            model.update(events(data, [250]))
        assert refusal.value.field == "max_links"
        assert len(model.retrieve(requests_for(data, [1]), 5)), "and the model goes on answering"


def test_holes_of_moved_rows_are_packed(monkeypatch):
    monkeypatch.setattr("shortlist.models.retrieval._row_pool.SLACK", 50)
    data = log()
    model = Sar(neighbours=3).fit(part(data, np.arange(20)))
    for n in range(20, 300):
        model.update(events(data, [n]))
    assert len(model._live.columns) < 8 * model._live.n_links
    same_links(model, Sar(neighbours=3).fit(data))


def test_answers_during_updates_are_those_of_a_moment_between_two_events():
    data = log()
    model, rest = (Sar(neighbours=3).fit(part(data, np.arange(150))) for _ in range(2))
    ask = requests_for(data, [1])
    possible = {model.retrieve(ask, 5).score.tobytes()}
    for n in range(150, 300):
        possible.add(rest.update(events(data, [n])).retrieve(ask, 5).score.tobytes())
    seen, stop = set(), threading.Event()

    def read():
        while not stop.is_set():
            seen.add(model.retrieve(ask, 5).score.tobytes())

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for n in range(150, 300):
            model.update(events(data, [n]))
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert len(seen) > 1
    assert seen <= possible
