import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from shortlist.core.errors import BadConfig
from shortlist.core.types import History, Requests
from shortlist.models.retrieval.content import Content
from shortlist.testing.models import MODEL_CHECKS
from shortlist.testing.worlds import TOPICS, checkerboard, dataset_of, requests_for, small_log

TITLES = ["red apple", "green apple", "blue car", "red car", ""]


def catalogue(**columns):
    data = dataset_of([(0, 0, 0.0), (0, 2, 100.0)], n_users=1, n_items=5)
    table = pl.DataFrame({"item_id": data.items.ids, **(columns or {"title": TITLES})})
    return replace(data, item_table=table)


def ask(items, at=None):
    return Requests.of([-1], now=1e9, history=History.of([items], None if at is None else [at]))


def test_score_is_the_cosine_with_the_profile():
    model = Content(mode="columns", columns=("a", "b"), decay="none").fit(
        catalogue(a=[3.0, 0.0, 4.0, 0.0, 0.0], b=[0.0, 2.0, 3.0, 0.0, 1.0])
    )
    profile = np.array([3.0, 2.0]) / 13**0.5  # vectors enter with the length they have in the table
    block = model.score_block(ask([0, 1]))[0]
    np.testing.assert_allclose(block, [profile[0], profile[1], profile @ [0.8, 0.6], np.nan, profile[1]])


@pytest.mark.parametrize(
    ("config", "old"),
    [
        ({"decay": "none"}, 1.0),
        ({"decay": "position", "half_life": 1.0}, 0.5),
        ({"decay": "position", "half_life": 0.5}, 0.25),
        ({"decay": "time", "half_life": 100.0}, 0.125),
    ],
)
def test_old_events_weigh_less(config, old):
    model = Content(mode="columns", columns=("a", "b"), **config).fit(
        catalogue(a=[1.0, 0.0, 0.0, 0.0, 0.0], b=[0.0, 1.0, 0.0, 0.0, 0.0])
    )
    block = model.score_block(ask([0, 1], [700.0, 1000.0]))[0]
    assert block[0] / block[1] == pytest.approx(old)


@pytest.mark.parametrize("weighting", ["tfidf", "bm25"])
def test_text_finds_the_topic(weighting):
    data = small_log()
    model = Content(weighting=weighting).fit(data)
    topic = np.array([list(TOPICS).index(name) for name in data.item_table["category"]])
    hits = model.retrieve(ask([0, 4]), 6)
    assert (topic[hits.item] == topic[0]).all()


@pytest.mark.parametrize("weighting", ["tfidf", "bm25"])
def test_new_items_are_scored_by_their_text(weighting):
    model = Content(weighting=weighting).fit(catalogue())
    new = model.score_texts(ask([0]), ["an apple", "a plane"])[0]
    assert new[0] > 0
    assert np.isnan(new[1])
    grown = model.extended(["an apple", "a plane"])
    assert grown.n_items_ == 7
    assert model.n_items_ == 5, "the first model is left alone"
    np.testing.assert_array_equal(grown.score_block(ask([0]))[0], np.r_[model.score_block(ask([0]))[0], new])
    assert np.isfinite(grown.score_block(ask([5]))[0, 0]), "and they enter profiles"
    with pytest.raises(BadConfig, match="text"):
        Content(mode="columns", columns=("title",)).fit(catalogue()).extended(["x"])


def test_bm25_is_the_cosine_of_its_weights():
    """Four titles of two words and an empty one: every length is the mean, so a word weighs its rarity."""
    model = Content(weighting="bm25", k1=1.7, b=0.9).fit(catalogue())
    common, rare = math.log(1 + 2.5 / 2.5), math.log(1 + 3.5 / 1.5)  # red, apple, car are in two titles; green in one
    alike = common**2 / (math.hypot(common, common) * math.hypot(common, rare))
    np.testing.assert_allclose(model.score_block(ask([0]))[0], [1.0, alike, np.nan, 0.5, np.nan])


def test_bm25_lets_repeats_count_less_and_less():
    titles = ["red red red red car", "red car", "car car car red", "blue pie", "green pie"]
    tells = {
        weighting: Content(weighting=weighting).fit(catalogue(title=titles)).score_block(ask([0]))[0]
        for weighting in ("tfidf", "bm25")
    }
    assert tells["bm25"][1] > tells["tfidf"][1]
    assert tells["bm25"][2] > tells["tfidf"][2]


@pytest.mark.parametrize("check", MODEL_CHECKS)
def test_bm25_keeps_the_contract(check):
    MODEL_CHECKS[check](lambda: Content(weighting="bm25"))


def test_bm25_refuses_a_second_damping():
    with pytest.raises(BadConfig, match="k1"):
        Content(weighting="bm25", sublinear=True)


def test_encoders_give_unit_vectors_whose_product_is_the_score():
    model = Content().fit(catalogue())
    items = model.encode_items(np.array([0, 1, 4, 99, -1]))
    np.testing.assert_allclose(np.linalg.norm(items, axis=1), [1, 1, 0, 0, 0], rtol=1e-6)
    users = model.encode_requests(ask([0, 3]))
    np.testing.assert_allclose((items @ users.T)[:2, 0], model.score_block(ask([0, 3]))[0, :2], rtol=1e-6)


def test_reasons_add_up_to_the_score():
    data = small_log()
    model = Content(half_life=2.0).fit(data)
    one = requests_for(data, [3])
    hit = model.retrieve(one, 1)
    assert sum(model.explain(one, int(hit.item[0])).values()) == pytest.approx(float(hit.score[0]))


def test_representative_items_resemble_the_others_most():
    model = Content().fit(catalogue())
    vectors = model.encode_items(np.arange(5)).astype(float)
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, 0.0)
    np.testing.assert_allclose(model.representative(), alike.mean(axis=1), atol=1e-6)


def test_a_catalogue_without_text_gets_no_answer_instead_of_an_error():
    world = checkerboard()
    assert len(Content().fit(world.data).retrieve(world.requests, 5)) == 0
