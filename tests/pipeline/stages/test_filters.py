"""Filters: what they drop."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from shortlist.core.types import Candidates, History
from shortlist.data.dataset import Dataset
from shortlist.pipeline.build import offline_world
from shortlist.pipeline.stages.filters.duplicate_title import DuplicateTitle
from shortlist.pipeline.stages.filters.exclude import Exclude
from shortlist.pipeline.stages.filters.expression import ExpressionFilter
from shortlist.pipeline.stages.filters.seen import Seen
from shortlist.pipeline.stages.filters.unavailable import Unavailable
from shortlist.testing.worlds import dataset_of


def test_seen_reads_the_brought_and_the_stored_past(world, rows, two, shop):
    stored = set(shop.histories(np.array([0])).item.tolist()) | {1, 4, 5}
    keep = Seen(world).keep(two, rows)
    assert keep.tolist() == [i not in stored for i in (3, 1, 4)] + [True, True]


def test_seen_looks_further_back_than_the_history_stage(shop, world):
    past = shop.histories(np.array([3])).item
    table = Candidates(np.zeros(len(past), np.int32), past, 1)
    from shortlist.core.types import Requests

    short = Requests.of([3], now=2e9, history=History.of([past[-2:].tolist()]))
    assert not Seen(world).keep(short, table).any()
    assert Seen(world).keep(Requests.of([3], now=0.0), table).all()


def test_exclude(world, rows, two):
    assert Exclude(world).keep(two, rows).all()
    banned = replace(two, exclude=History.of([[3, 77, -1], [5]]))
    assert Exclude(world).keep(banned, rows).tolist() == [False, True, True, True, False]


def test_unavailable_drops_hidden_items_and_those_nobody_knows(world, two):
    world.catalogue.put(4, {"available": False})
    table = Candidates(np.zeros(3, np.int32), np.array([3, 4, 99]), 1)
    assert Unavailable(world).keep(two, table).tolist() == [True, False, False]


@pytest.fixture
def press():
    made = dataset_of([(0, 0, 1.0)], n_users=1, n_items=7)
    titles = ["Flood", " flood ", "FLOOD", "Sun", "", "", "Rain"]
    table = pl.DataFrame({"item_id": made.items.ids, "title": titles})
    return offline_world(Dataset("press", made.interactions, made.users, made.items, table))


def test_of_equal_titles_the_one_named_most_stays(press, two):
    table = Candidates(
        np.array([0, 0, 0, 0, 0, 1], np.int32),
        np.array([0, 1, 3, 4, 5, 2]),
        2,
        {"score.merge": np.array([1.0, 2.0, 1.0, 1.0, 1.0, 1.0])},
    )
    fresh = two.with_history(History.empty(2))
    assert DuplicateTitle(press).keep(fresh, table).tolist() == [False, True, True, True, True, True]


def test_equal_weights_keep_the_smaller_id(press, two):
    table = Candidates(np.zeros(3, np.int32), np.array([0, 1, 2]), 2, {"score.merge": np.ones(3)})
    assert DuplicateTitle(press).keep(two.with_history(History.empty(2)), table).tolist() == [True, False, False]


def test_a_title_already_read_under_another_id_is_dropped(press, two):
    table = Candidates(np.zeros(3, np.int32), np.array([1, 3, 6]), 2, {"score.merge": np.ones(3)})
    past = two.with_history(History.of([[0, 6], []]))
    # Item 6 itself was read: that is the seen filter's business, which may be switched off.
    assert DuplicateTitle(press).keep(past, table).tolist() == [False, True, True]
    assert DuplicateTitle(press, with_history=False).keep(past, table).all()


def test_no_rows(press, two, world):
    none = Candidates(np.empty(0, np.int32), np.empty(0, np.int64), 2, {"score.merge": np.empty(0)})
    for made in (DuplicateTitle(press), Seen(press), Unavailable(press), Exclude(press)):
        assert made.keep(two, none).tolist() == []


def test_expression_reads_candidates_before_the_catalogue(world, rows, two):
    made = ExpressionFilter(world, keep='category == "a" and score > 0.65')
    assert made.requires == ("score",)
    assert made.keep(two, rows).tolist() == [True, True, False, False, False]
    alone = Candidates(rows.row, rows.item, 2)
    topics = world.catalogue.column("category")[rows.item]
    assert ExpressionFilter(world, keep='category == "food"').keep(two, alone).tolist() == (topics == "food").tolist()
