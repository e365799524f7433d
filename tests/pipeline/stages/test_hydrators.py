"""Hydrators: the numbers, by hand."""

import numpy as np
import pytest

from shortlist.core.types import Candidates, History, Requests
from shortlist.models import create
from shortlist.pipeline.build import offline_world
from shortlist.pipeline.stages.hydrators.history_size import HistorySize
from shortlist.pipeline.stages.hydrators.item_columns import ItemColumns
from shortlist.pipeline.stages.hydrators.item_counts import ItemCounts
from shortlist.pipeline.stages.hydrators.model_score import ModelScore
from shortlist.pipeline.stages.hydrators.profile_columns import ProfileColumns
from shortlist.pipeline.stages.hydrators.same_category import SameCategory
from shortlist.testing.worlds import dataset_of


def table_of(*pairs):
    row, item = zip(*pairs, strict=True)
    return Candidates(np.array(row, np.int32), np.array(item), max(row) + 1)


def test_item_counts_are_logs_as_of_each_request():
    world = offline_world(dataset_of([(0, 1, 0.0), (1, 1, 100.0), (2, 1, 200.0)], n_users=3, n_items=3))
    requests = Requests.of([-1, -1], now=np.array([100.0, 300.0]))
    found = ItemCounts(world, half_life_s=100.0).columns(requests, table_of((0, 1), (0, 2), (1, 1)))
    assert np.expm1(found["item_events"]).tolist() == pytest.approx([1, 0, 3])
    assert np.expm1(found["item_trending"]).tolist() == pytest.approx([0.5, 0, 0.5 + 0.25 + 0.125])


def test_the_share_of_the_past_in_the_same_category(world):
    world.catalogue.put(40, {"category": "food"})
    category = world.catalogue.column("category").tolist()
    food = [i for i, name in enumerate(category) if name == "food"]
    money = [i for i, name in enumerate(category) if name == "money"]
    world.catalogue.put(41, {"price": 1.0})
    requests = Requests.of([-1, -1], history=History.of([[food[0], food[1], money[0], 41], []]))
    table = table_of((0, food[2]), (0, money[1]), (0, 41), (0, 99), (1, food[2]))
    share = SameCategory(world).columns(requests, table)["share.category"]
    assert share.tolist() == pytest.approx([0.5, 0.25, np.nan, np.nan, np.nan], nan_ok=True)
    last = SameCategory(world, last=2).columns(requests, table)["share.category"]
    assert last[:2].tolist() == [0.0, 0.5]


def test_the_share_over_several_labels_is_their_mean(world):
    for item, genres in ((40, ["war", "love"]), (41, ["war"]), (42, ["love", "war"]), (43, [])):
        world.catalogue.put(item, {"genres": genres})
    requests = Requests.of([-1], history=History.of([[40, 41]]))
    made = SameCategory(world, columns=["genres"])
    assert made.provides == ("share.genres",)
    share = made.columns(requests, table_of((0, 41), (0, 42), (0, 43)))["share.genres"]
    assert share.tolist() == pytest.approx([1.0, 0.75, np.nan], nan_ok=True)


def test_history_size_and_profile_columns(world):
    requests = Requests.of([-1, -1], history=History.of([[1, 2, 3], []])).with_columns({"age": np.array([30.0, 4.0])})
    table = table_of((0, 1), (0, 2), (1, 1))
    assert np.expm1(HistorySize(world).columns(requests, table)["history_size"]).tolist() == pytest.approx([3, 3, 0])
    made = ProfileColumns(world, columns=["age"])
    assert (made.requires, made.provides) == (("age",), ("user.age",))
    assert made.columns(requests, table)["user.age"].tolist() == [30.0, 30.0, 4.0]


def test_item_columns(world, shop):
    found = ItemColumns(world, columns=["price", "title"]).columns(Requests.of([-1]), table_of((0, 2), (0, 99)))
    assert found["price"].tolist() == pytest.approx([shop.item_table["price"][2], np.nan], nan_ok=True)
    assert found["title"].tolist() == [shop.item_table["title"][2], ""]


def test_model_score_gives_every_row_the_models_score(shop):
    knn = create("item_knn").fit(shop)
    world = offline_world(shop, {"knn": knn})
    requests = Requests.of([0, -1], history=History.of([[1, 4], []]))
    table = table_of((0, 2), (0, 3), (0, 5), (1, 2))
    expected = knn.score(requests, table)[:, 0]
    found = ModelScore(world, model="knn").columns(requests, table)["score.knn"]
    assert found.tolist() == pytest.approx(expected.tolist(), nan_ok=True)
    held = table.with_columns({"score.knn": np.array([9.0, np.nan, 8.0, np.nan])})
    only = ModelScore(world, model="knn", only_missing=True).columns(requests, held)["score.knn"]
    assert only.tolist() == pytest.approx([9.0, expected[1], 8.0, expected[3]], nan_ok=True)
    short = ModelScore(world, model="knn", last=1).columns(requests, table)["score.knn"]
    last = knn.score(requests.with_history(History.of([[4], []])), table)[:, 0]
    assert short.tolist() == pytest.approx(last.tolist(), nan_ok=True)


def test_no_rows(shop):
    world = offline_world(shop, {"knn": create("item_knn").fit(shop)})
    none = Candidates(np.empty(0, np.int32), np.empty(0, np.int64), 1)
    one = Requests.of([0], history=History.of([[1]]))
    for made in (
        ItemCounts(world),
        SameCategory(world),
        HistorySize(world),
        ItemColumns(world, columns=["title"]),
        ModelScore(world, model="knn"),
    ):
        assert [len(column) for column in made.columns(one, none).values()] == [0] * len(made.provides)
