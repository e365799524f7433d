"""The familiar questions, with external ids."""

import numpy as np
import pytest

from shortlist.core.errors import BadExpression, BadRequest, UnknownItem, UnknownUser
from shortlist.models import create
from shortlist.pipeline.frames import list_frame, make_requests
from shortlist.pipeline.standard import Standard
from shortlist.testing.worlds import checkerboard


@pytest.fixture(scope="module")
def knn(shop):
    return create("item_knn").fit(shop)


def items_of(frame, user):
    return frame.filter(frame["user_id"] == user)["item_id"].to_list()


def test_the_withheld_square_comes_first():
    world = checkerboard()
    model = create("item_knn").fit(world.data)
    frame = model.recommend(world.data.users.ids, k=1)
    assert frame["item_id"].to_list() == world.data.items.decode(world.answer)


def test_lists_are_ranked_full_and_unseen(knn, shop):
    frame = knn.recommend(shop.users.ids, k=5)
    assert frame.columns == ["user_id", "item_id", "score", "rank"]
    assert len(frame) == 5 * shop.n_users
    for u, user in enumerate(shop.users.ids[:10]):
        mine = frame.filter(frame["user_id"] == user)
        assert mine["rank"].to_list() == [1, 2, 3, 4, 5]
        assert (np.diff(mine["score"].to_numpy()) <= 0).all()
        past = set(shop.items.decode(shop.histories(np.array([u])).item))
        assert not past & set(mine["item_id"].to_list())


def test_one_id_or_many_give_the_same(knn):
    both = knn.recommend(["u3", "u5"], k=4)
    assert items_of(both, "u5") == knn.recommend("u5", k=4)["item_id"].to_list()


def test_the_familiar_lists_are_the_models_own(knn, shop):
    """Without filters, what comes back is what the model's retriever says."""
    from shortlist.core.types import Requests

    frame = knn.recommend("u0", k=5, filter_seen=False)
    asked = Requests.of([0], now=2e9, history=shop.histories(np.array([0])))
    assert frame["item_id"].to_list() == shop.items.decode(knn.retrieve(asked, 5).item)


def test_strangers_get_the_popular_items_or_what_was_asked(knn, shop):
    frame = knn.recommend(["stranger", "u0"], k=3)
    most = np.argsort(-np.bincount(shop.interactions.item, minlength=shop.n_items), kind="stable")[:3]
    assert items_of(frame, "stranger") == shop.items.decode(most)
    assert items_of(knn.recommend(["stranger", "u0"], k=3, on_unknown="drop"), "stranger") == []
    with pytest.raises(UnknownUser):
        knn.recommend(["stranger"], k=3, on_unknown="raise")


def test_items_exclude_and_filter(knn, shop):
    only = knn.recommend("u0", k=3, items=["i1", "i2", "i3", "nothing"], filter_seen=False)
    assert set(only["item_id"]) == {"i1", "i2", "i3"}
    first = knn.recommend("u0", k=1)["item_id"][0]
    assert first not in knn.recommend("u0", k=30, exclude=[first])["item_id"].to_list()
    food = knn.recommend("stranger", k=4, filter='category == "food" and price > 0')
    category = dict(zip(shop.items.ids, shop.item_table["category"], strict=True))
    assert {category[item] for item in food["item_id"]} == {"food"}


def test_the_context_may_say_when(knn, shop):
    early = knn.recommend("u0", k=40, context={"now": float(shop.interactions.at.min())})
    assert len(early) == 32


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"k": 0}, "k"),
        ({"k": 501}, "k"),
        ({"k": True}, "k"),
        ({"k": 2.5}, "k"),
        ({"on_unknown": "ask"}, "on_unknown"),
        ({"users": 3.5}, "users"),
        ({"context": {"wider": 10**9}}, "context"),
        ({"context": {"mood": [1, 2]}}, "context"),
        ({"context": {"now": float("nan")}}, "context"),
        ({"context": {"now": "yesterday"}}, "context"),
    ],
)
def test_bad_arguments_are_named(knn, options, field):
    with pytest.raises(BadRequest) as caught:
        knn.recommend(**{"users": "u0", **options})
    assert caught.value.field == field


def test_a_bad_filter_is_refused(knn):
    with pytest.raises(BadExpression):
        knn.recommend("u0", filter="category ==")


def test_similar_items(knn, shop):
    frame = knn.similar_items(["i0", "i7"], k=3)
    assert frame.columns == ["item_id", "similar_id", "score", "rank"]
    assert frame["rank"].to_list() == [1, 2, 3] * 2
    assert (frame["item_id"] != frame["similar_id"]).all()
    with pytest.raises(UnknownItem, match="'i99'"):
        knn.similar_items(["i0", "i99"])
    with pytest.raises(BadRequest):
        knn.similar_items("i0", k=0)


def test_scores_of_named_items(knn, shop):
    from shortlist.core.types import Requests

    found = knn.score("u0", ["i3", "i1"])
    whole = knn.score_block(Requests.of([0], now=2e9, history=shop.histories(np.array([0]))))[0]
    assert found.tolist() == pytest.approx([whole[3], whole[1]], nan_ok=True)
    with pytest.raises(UnknownItem):
        knn.score("u0", ["nope"])
    with pytest.raises(BadRequest):
        knn.score(["u0", "u1"], ["i1"])


@pytest.mark.parametrize("users", [1.0, [1.0], [None], [b"u1"], [True], True, b"u1", None, {"u1": 1}])
def test_what_is_no_id_is_refused(knn, users):
    """A float from a data frame with a gap would otherwise be an unknown user, silently."""
    with pytest.raises(BadRequest, match="'users'"):
        knn.recommend(users, k=1)


@pytest.mark.parametrize(("name", "value"), [("filter", 3), ("filter", ["a"]), ("context", 3), ("context", ["now"])])
def test_arguments_of_the_wrong_kind_are_named(knn, shop, name, value):
    with pytest.raises(BadRequest, match=f"'{name}'"):
        knn.recommend(shop.users.ids[0], k=1, **{name: value})


def test_whole_numbers_are_ids(knn):
    assert knn.recommend([np.int64(7), 7, "7"], k=1)["user_id"].to_list() == ["7", "7", "7"]


class OnlyRetrieves:
    """A retriever from outside: it can leave nothing out while it searches."""

    def __init__(self, model):
        self.model = model

    def retrieve(self, requests, k):
        return self.model.retrieve(requests, k)

    def score(self, requests, candidates):
        return self.model.score(requests, candidates)


@pytest.mark.parametrize("name", ["item_knn", "als", "popularity", "markov", "trails", "content", "outside"])
@pytest.mark.parametrize("k", [1, 7, 60])
def test_leaving_out_while_searching_gives_the_lists_of_filtering_afterwards(shop, name, k):
    model = create("item_knn" if name == "outside" else name).fit(shop)
    standard = Standard(OnlyRetrieves(model) if name == "outside" else model, shop)
    users = [*shop.users.ids, "stranger"]
    for options in ({}, {"exclude": ["i1", "i5", "nothing"]}, {"context": {"now": float(shop.interactions.at.min())}}):
        for filter_seen in (True, False):
            found = standard.recommend(users, k, filter_seen=filter_seen, **options)
            ids, requests = make_requests(shop, users, k, **options)
            slates = standard.runner.run(requests, strict=True, skip=() if filter_seen else ("seen",))
            assert found.equals(list_frame(shop, ids, slates))


def test_the_standard_pipeline_is_built_once(knn, shop):
    assert knn._standard() is knn._standard()
    other = create("item_knn").fit(shop)
    first = other._standard()
    assert first is not other.fit(shop.select(np.arange(50)))._standard()
