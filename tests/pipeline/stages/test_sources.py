"""Sources: order, length, and independence of the batch."""

import numpy as np
import pytest

from shortlist.core.types import History, Hits, Requests
from shortlist.models import create
from shortlist.pipeline.build import offline_world
from shortlist.pipeline.stages.sources.content import ContentSource
from shortlist.pipeline.stages.sources.model import ModelSource
from shortlist.pipeline.stages.sources.popular import Popular, _best
from shortlist.pipeline.stages.sources.trending import Trending
from shortlist.pipeline.stages.sources.what_next import WhatNext
from shortlist.testing.worlds import dataset_of

LOG = [(u, 2, 10.0 + u) for u in range(4)] + [(u, 1, 1000.0 + u) for u in range(3)] + [(0, 3, 1.0)]


@pytest.fixture
def small():
    return offline_world(dataset_of(LOG, n_users=5, n_items=5))


def lists(hits, n):
    return [hits.item[hits.row == b].tolist() for b in range(n)]


def test_popular_counts_as_of_now_and_ends_with_what_nobody_used(small):
    asked = Requests.of([-1] * 3, now=np.array([0.0, 500.0, 2000.0]))
    hits = Popular(small, refresh_s=0).fetch(asked)
    assert lists(hits, 3) == [[0, 1, 2, 3, 4], [2, 3, 0, 1, 4], [2, 1, 3, 0, 4]]
    assert hits.score[hits.row == 2].tolist() == [4, 3, 1, 0, 0]


@pytest.mark.parametrize("with_unused", [True, False])
def test_the_best_of_many_are_those_of_a_full_sort(with_unused):
    rng = np.random.default_rng(0)
    for depth in (1, 7, 50, 90, 200):
        count = rng.integers(0, 6, 100).astype(float)
        full = np.lexsort((np.arange(100), -count))
        full = full if with_unused else full[: np.count_nonzero(count)]
        assert _best(count, depth, with_unused).tolist() == full[:depth].tolist()


def test_a_ranking_stands_for_its_span(small):
    made = Popular(small, refresh_s=600)
    early, late = (lists(made.fetch(Requests.of([-1], now=t)), 1)[0] for t in (1199.0, 1200.0))
    assert early[:2] == [2, 3]
    assert late[:3] == [2, 1, 3]
    # Before the first full span there is only the exact count.
    assert lists(made.fetch(Requests.of([-1], now=20.0)), 1)[0][0] == 2


def test_an_online_event_counts_from_the_next_span_on(small):
    made = Popular(small, refresh_s=600)
    asked = Requests.of([-1], now=2000.0)
    before = lists(made.fetch(asked), 1)
    for _ in range(9):
        small.counts.append(4, 1900.0)
    assert lists(made.fetch(asked), 1) == before
    assert lists(made.fetch(Requests.of([-1], now=2500.0)), 1)[0][0] == 4


def test_trending_forgets(small):
    made = Trending(small, half_life_s=100.0, refresh_s=0)
    assert lists(made.fetch(Requests.of([-1], now=1100.0)), 1) == [[1, 2, 3]]
    assert lists(made.fetch(Requests.of([-1], now=0.5)), 1) == [[]]


def test_lists_grow_with_the_history_so_that_the_seen_filter_leaves_k(small):
    asked = Requests.of([0, 1], now=2000.0, history=History.of([[2, 1], []]))
    assert lists(Popular(small, k=1, refresh_s=0).fetch(asked), 2) == [[2, 1, 3], [2]]


def test_wider_asks_for_more(small):
    asked = Requests.of([0], now=2000.0).with_columns({"wider": np.array([4])})
    assert len(Popular(small, k=1).fetch(asked)) == 4


class Told:
    """A retriever that returns the history backwards, then the rest."""

    def retrieve(self, requests, k):
        rows, items = [], []
        for b in range(len(requests)):
            past = requests.history.one(b).tolist()[::-1]
            listed = (past + [i for i in range(5) if i not in past])[:k]
            rows += [b] * len(listed)
            items += listed
        return Hits(np.array(rows, np.int32), np.array(items), -np.arange(len(rows), dtype=np.float32))


def test_a_models_list_is_cut_per_request():
    world = offline_world(dataset_of(LOG, n_users=5, n_items=5), {"told": Told()})
    asked = Requests.of([0, 1], history=History.of([[2, 1], []]))
    assert lists(ModelSource(world, model="told", k=1).fetch(asked), 2) == [[1, 2, 0], [0]]
    assert ModelSource(world, label="told", model="told").name == "told"


def test_what_next_tells_the_model_only_the_last_event(small):
    world = offline_world(dataset_of(LOG, n_users=5, n_items=5), {"told": Told()})
    asked = Requests.of([0], history=History.of([[2, 1, 3]]))
    assert lists(WhatNext(world, model="told", k=1).fetch(asked), 1) == [[3, 0, 1, 2]]
    assert lists(ContentSource(world, model="told", k=1, last=2).fetch(asked), 1) == [[3, 1, 0, 2]]


@pytest.mark.parametrize("cls", [Popular, Trending, ModelSource])
def test_alone_or_in_a_batch(cls, shop):
    world = offline_world(shop, {"knn": create("item_knn").fit(shop)})
    made = cls(world, k=3, **({"model": "knn"} if cls is ModelSource else {"refresh_s": 0}))
    now = shop.interactions.at[::7]
    users = np.arange(len(now)) % shop.n_users
    asked = Requests.of(users, now=now, history=shop.histories(users, before=now))
    together = made.fetch(asked)
    for b in range(len(asked)):
        alone = made.fetch(asked.take(np.array([b])))
        mine = together.row == b
        assert alone.item.tolist() == together.item[mine].tolist()
        assert alone.score.tolist() == together.score[mine].tolist()
