"""Sources that bring just what is asked for, and sources that stand behind others."""

import numpy as np
import pytest

from shortlist.core.errors import StageError
from shortlist.core.types import History, Hits, Requests
from shortlist.models import create
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.spec import PipelineSpec

TIERS = {"use": "first_score", "columns": ["score.model", "score.popular"]}


@pytest.fixture
def built(shop):
    """Makes a runner around item-kNN with the given sources."""
    model = create("item_knn").fit(shop)

    def make(*sources):
        spec = {"name": "tight", "query": [{"use": "history"}], "source": list(sources), "scorer": [TIERS]}
        return build(PipelineSpec.from_dict(spec), offline_world(shop, {"model": model}))

    return make


MODEL = {"use": "model", "model": "model", "tight": True}
POPULAR = {"use": "popular", "tight": True, "refresh_s": 0.0}


def requests_of(shop, k=4):
    users = np.array([0, 1, -1, 2])
    exclude = History.of([[0, 1, 2], [], list(range(0, shop.n_items, 2)), [3, 3, 99999]])
    full = Requests.of(users, now=2e9, k=k, history=shop.histories(users))
    return Requests(full.user, full.now, full.k, full.seed, full.history, exclude=exclude)


@pytest.mark.parametrize("number", [0, 1])
def test_a_tight_source_brings_k_and_nothing_excluded(built, shop, number):
    stage = built(MODEL, POPULAR).stages["source"][number]
    requests = requests_of(shop)
    hits = stage.fetch(requests)
    for b in range(len(requests)):
        mine = hits.item[hits.row == b]
        assert len(mine) <= 4
        assert not set(mine.tolist()) & set(requests.exclude.one(b).tolist())
    assert np.bincount(hits.row, minlength=4)[[0, 1, 3]].tolist() == [4, 4, 4]


def test_a_source_behind_is_asked_only_where_lists_are_short(built, shop):
    runner = built(MODEL, {**POPULAR, "behind": True})
    asked = []
    popular = runner.stages["source"][1]
    fetch = popular.fetch
    popular.fetch = lambda requests: asked.append(requests.user.tolist()) or fetch(requests)
    slates = runner.run(requests_of(shop), strict=True)
    assert asked == [[-1]]
    assert [len(slates.items(b)) for b in range(4)] == [4, 4, 4, 4]
    full = requests_of(shop).take(np.array([0, 1]))
    assert len(runner.run(full, strict=True).candidates) == 8
    assert asked == [[-1]]


def test_a_broken_source_behind_is_named(built, shop):
    runner = built(MODEL, {**POPULAR, "behind": True})
    runner.stages["source"][1].fetch = lambda requests: Hits(np.array([5], np.int32), np.array([0]), np.array([1.0]))
    with pytest.raises(StageError, match="popular"):
        runner.run(requests_of(shop).take(np.array([2])), strict=True)
