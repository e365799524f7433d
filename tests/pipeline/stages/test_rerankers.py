"""Selectors and rerankers on lists with one right order."""

import numpy as np
import pytest

from shortlist.core.errors import BadConfig
from shortlist.core.types import Candidates, Requests
from shortlist.models import create
from shortlist.pipeline.build import offline_world
from shortlist.pipeline.similarity import by_columns, by_model
from shortlist.pipeline.stages.rerankers.freshness import Freshness
from shortlist.pipeline.stages.rerankers.max_per_group import MaxPerGroup
from shortlist.pipeline.stages.rerankers.mmr import Mmr
from shortlist.pipeline.stages.rerankers.spread import Spread
from shortlist.pipeline.stages.selectors.top import Top
from shortlist.testing.worlds import greedy_is_wrong


def test_top_breaks_ties_by_item_and_puts_unknown_scores_last(world):
    score = np.array([0.5, np.nan, 0.9, 0.5, np.inf, 0.1])
    table = Candidates(np.array([0, 0, 0, 0, 1, 1], np.int32), np.array([9, 1, 5, 2, 3, 4]), 2, {"score": score})
    asked = Requests.of([0, 1], k=3)
    assert Top(world).order(asked, table).index.tolist() == [2, 3, 0, 5, 4]
    assert Top(world, reserve=1).order(asked, table).index.tolist() == [2, 3, 0, 1, 5, 4]


def test_max_per_group_drops_or_moves_the_surplus(world, rows, two):
    assert MaxPerGroup(world, most=1).order(two, rows).index.tolist() == [0, 2, 3, 4]
    assert MaxPerGroup(world, most=1, drop=False).order(two, rows).index.tolist() == [0, 2, 1, 3, 4]
    assert MaxPerGroup(world, column="x").requires == ("x",)


def test_spread_breaks_runs(world):
    kinds = np.array(["A", "A", "A", "C", "B", "B"], object)
    table = Candidates(np.array([0, 0, 0, 0, 1, 1], np.int32), np.arange(6), 2, {"category": kinds})
    assert Spread(world, most=2).order(Requests.of([0, 1]), table).index.tolist() == [0, 1, 3, 2, 4, 5]


def test_groups_of_lists_and_unknown_groups(world):
    kinds = np.empty(4, object)
    kinds[:] = [("war", "love"), ("war",), (), ""]
    table = Candidates(np.zeros(4, np.int32), np.arange(4), 1, {"genres": kinds})
    assert MaxPerGroup(world, column="genres", most=1).order(Requests.of([0]), table).index.tolist() == [0, 2, 3]


def test_freshness_pushes_what_is_younger_than_a_day(world):
    now = 1e6
    cols = {
        "score": np.array([1.0, 0.9, 0.8, -0.5, -0.45]),
        "published_at": np.array([0.0, now - 3600, now + 5, now - 10, np.nan]),
    }
    table = Candidates(np.zeros(5, np.int32), np.arange(5), 1, cols)
    made = Freshness(world)
    assert made.order(Requests.of([0], now=now), table).index.tolist() == [1, 0, 2, 3, 4]
    assert made.requires == ("score", "published_at")


class Vectors:
    def __init__(self, vectors):
        self._vectors = vectors

    def encode_items(self, items):
        return self._vectors[items]


@pytest.mark.parametrize("window", [None, 1])
def test_mmr_does_not_put_the_twin_second(shop, window):
    table, vectors, right = greedy_is_wrong()
    world = offline_world(shop, {"content": Vectors(vectors)})
    order = Mmr(world, model="content", lam=0.7, window=window).order(Requests.of([0], k=2), table)
    assert order.index[:2].tolist() == right
    assert sorted(order.index.tolist()) == [0, 1, 2, 3]
    plain = Mmr(world, model="content", lam=1.0).order(Requests.of([0], k=2), table)
    assert plain.index.tolist() == [0, 1, 2, 3]


def test_mmr_by_columns(world):
    category = world.catalogue.column("category").tolist()
    food = [i for i, name in enumerate(category) if name == "food"][:3]
    items = np.array([food[0], food[1], category.index("money"), food[2]])
    table = Candidates(np.zeros(4, np.int32), items, 1, {"score": np.array([1.0, 0.9, 0.8, 0.0])})
    order = Mmr(world, columns=["category"], lam=0.6).order(Requests.of([0], k=2), table)
    assert order.index.tolist() == [0, 2, 1, 3]


@pytest.mark.parametrize("config", [{}, {"lam": 1.1, "model": "m"}, {"lam": -0.1, "model": "m"}, {"lam": float("nan")}])
def test_mmr_refuses_a_lambda_outside_the_range_or_no_similarity(world, config):
    with pytest.raises(BadConfig):
        Mmr(world, **config)


def test_similarity_by_model_is_a_cosine_and_unknown_items_are_like_no_other(shop):
    content = create("content").fit(shop)
    alike = by_model(content, np.array([0, 4, 1, 999]))
    assert alike[:3, :3].diagonal() == pytest.approx([1, 1, 1])
    assert alike[0, 1] > alike[0, 2]
    assert alike[3].tolist() == [0, 0, 0, 0]
    dense = by_model(Vectors(content.encode_items(np.arange(32))), np.array([0, 4, 1]))
    assert dense == pytest.approx(alike[:3, :3], abs=1e-6)


def test_similarity_by_columns_is_the_share_of_common_labels():
    cells = np.empty(3, object)
    cells[:] = [("a", "b"), ("b",), ()]
    alike = by_columns([cells, np.array(["x", "x", ""], object)])
    assert alike[0].tolist() == [1.0, 0.75, 0.0]
    assert alike[2].tolist() == [0.0, 0.0, 0.0]


def test_no_rows(world):
    none = Candidates(
        np.empty(0, np.int32),
        np.empty(0, np.int64),
        1,
        {"score": np.empty(0), "category": np.empty(0, object), "published_at": np.empty(0)},
    )
    for made in (Top(world), Mmr(world, columns=["category"]), MaxPerGroup(world), Spread(world), Freshness(world)):
        assert made.order(Requests.of([0]), none).index.tolist() == []
