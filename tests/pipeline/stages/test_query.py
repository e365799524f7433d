"""What is looked up about the user."""

from dataclasses import replace

import numpy as np
import polars as pl

from shortlist.core.types import History, Requests
from shortlist.pipeline.build import offline_world
from shortlist.pipeline.stages.query.history import HistoryQuery
from shortlist.pipeline.stages.query.profile import ProfileQuery


def test_the_stored_past_as_of_now(world, shop):
    now = float(np.median(shop.interactions.at))
    found = HistoryQuery(world, limit=3).history(Requests.of([0, -1], now=now))
    assert found.one(0).tolist() == shop.histories(np.array([0]), before=np.array([now])).last(3).item.tolist()
    assert found.lengths[1] == 0


def test_a_request_that_brings_its_past_keeps_it(world, shop):
    asked = Requests.of([0, 1, -1], now=2e9, history=History.of([[7, 8], [], [9]]))
    found = HistoryQuery(world).history(asked)
    assert [found.one(b).tolist() for b in (0, 2)] == [[7, 8], [9]]
    assert found.one(1).tolist() == shop.histories(np.array([1])).item.tolist()


def test_user_columns(shop):
    table = pl.DataFrame({"user_id": shop.users.ids, "age": np.arange(shop.n_users) * 1.0})
    world = offline_world(replace(shop, user_table=table))
    made = ProfileQuery(world, columns=["age"])
    assert made.provides == ("age",)
    age = made.columns(Requests.of([3, -1]))["age"]
    assert age[0] == 3.0
    assert np.isnan(age[1])
