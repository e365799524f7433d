from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from shortlist.app.ingest import ingest
from shortlist.app.questions import Question, SessionItem
from shortlist.app.recommend import recommend
from shortlist.app.service import Service
from shortlist.app.similar import similar
from shortlist.core.errors import (
    BadExpression,
    BadRequest,
    NoBundle,
    StageError,
    StoreUnavailable,
    UnknownItem,
    UnknownSurface,
)
from shortlist.models.retrieval.item_knn import ItemKnn
from shortlist.models.retrieval.popularity import Popularity


def ids(slate):
    return [pick.item_id for pick in slate.items]


def test_a_reader_of_soccer_gets_unseen_soccer(service, world):
    slate = recommend(service, Question(user_id="U0", k=5))
    seen = {"N0", "N4", "N8", "N12", "N16", "N20"}
    assert len(slate.items) == 5
    assert all(int(one[1:]) % 2 == 0 for one in ids(slate))
    assert not seen & set(ids(slate))
    assert not slate.cold_start
    assert slate.bundle == "b1"
    assert [pick.position for pick in slate.items] == [1, 2, 3, 4, 5]
    assert slate.shortfall is None


def test_default_length_is_the_pipelines(service):
    assert len(recommend(service, Question(user_id="U0")).items) == 10


@pytest.mark.parametrize("user_id", ["stranger", None, "anonymous", "undefined"])
def test_strangers_get_the_popular_items_and_are_called_cold(service, user_id):
    slate = recommend(service, Question(user_id=user_id, k=3))
    assert slate.cold_start
    assert len(slate.items) == 3


def test_a_known_user_without_events_is_cold(service):
    ingest(service, [{"event": "user", "event_id": "u", "user_id": "new", "fields": {"age": 3}}])
    assert recommend(service, Question(user_id="new", k=3)).cold_start


def test_a_click_changes_the_next_list(service, world):
    before = recommend(service, Question(user_id="fresh", k=5))
    receipt = ingest(service, [world.click(1, "fresh", "N1"), world.click(2, "fresh", "N3")])
    after = recommend(service, Question(user_id="fresh", k=5))
    assert receipt.count("accepted") == 2
    assert before.cold_start
    assert not after.cold_start
    assert all(int(one[1:]) % 2 == 1 for one in ids(after))
    assert not {"N1", "N3"} & set(ids(after))


def test_a_session_is_a_user_without_a_name(service, world):
    ingest(service, [world.click(1, "fresh", "N1"), world.click(2, "fresh", "N3")])
    named = recommend(service, Question(user_id="fresh", k=5))
    session = recommend(service, Question(session=(SessionItem("N1"), SessionItem("N3"), SessionItem("gone")), k=5))
    assert ids(session) == ids(named)
    assert not session.cold_start


def test_user_and_session_exclude_each_other(service):
    with pytest.raises(BadRequest) as caught:
        recommend(service, Question(user_id="U0", session=(SessionItem("N1"),)))
    assert caught.value.field == "session"


@pytest.mark.parametrize("k", [0, -1, 501, 10**9, True])
def test_impossible_lengths_name_the_field(service, k):
    with pytest.raises(BadRequest) as caught:
        recommend(service, Question(user_id="U0", k=k))
    assert caught.value.field == "k"


def test_more_than_there_is_comes_up_short_and_says_so(service):
    slate = recommend(service, Question(user_id="U0", k=500))
    assert len(slate.items) == 24
    assert slate.shortfall == 476
    assert slate.next_cursor is None
    assert len(set(ids(slate))) == 24


def test_filter_excludes_and_reports_the_rest(service):
    slate = recommend(service, Question(user_id="U0", k=10, filter='category == "soccer" and price < 6'))
    assert set(ids(slate)) == {"N2"}
    assert slate.shortfall == 9


@pytest.mark.parametrize("text", ["nonsense ==", "no_such_column == 1", 'price == "text"', "(" * 1000 + "price > 1"])
def test_bad_filters_name_the_field(service, text):
    with pytest.raises(BadExpression) as caught:
        recommend(service, Question(user_id="U0", filter=text))
    assert caught.value.field == "filter"


def test_excluded_items_stay_away_and_unknown_ones_are_ignored(service):
    first = recommend(service, Question(user_id="U0", k=3))
    again = recommend(service, Question(user_id="U0", k=3, exclude=(*ids(first), "unknown")))
    assert not set(ids(first)) & set(ids(again))


def test_unknown_surface_suggests(service):
    with pytest.raises(UnknownSurface, match="home"):
        recommend(service, Question(user_id="U0", surface="hone"))


def test_fields_are_returned_as_asked(service):
    asked = recommend(service, Question(user_id="U0", k=1, return_fields=("title",)))
    assert set(asked.items[0].fields) == {"title"}
    assert recommend(service, Question(user_id="U0", k=1)).items[0].fields is None
    explained = recommend(service, Question(user_id="U0", k=1, explain=True))
    assert {"title", "category", "price"} <= set(explained.items[0].fields)
    assert "available" not in explained.items[0].fields
    with pytest.raises(BadRequest, match="title"):
        recommend(service, Question(user_id="U0", return_fields=("titel",)))


def test_pages_never_repeat_and_together_are_the_whole_list(service):
    seen: list[str] = []
    positions: list[int] = []
    cursor = None
    for _ in range(20):
        page = recommend(service, Question(user_id="U0", k=7, cursor=cursor))
        seen += ids(page)
        positions += [pick.position for pick in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 24
    assert positions == list(range(1, 25))
    assert seen[:7] == ids(recommend(service, Question(user_id="U0", k=7)))


def test_pages_stand_still_while_the_user_clicks(service, world):
    """What the user does meanwhile is not read; a model that learns from it may still see the rest otherwise."""
    data, models, specs = world.parts()
    for knn, stands in ((ItemKnn(similarity="tfidf"), True), (ItemKnn(), False)):
        service.swap_parts("b2", data, {**models, "knn": knn.fit(data)}, specs, service.wall())
        first = recommend(service, Question(user_id="U0", k=5))
        whole = recommend(service, Question(user_id="U0", k=10))
        clicked = ids(whole)[7]
        ingest(service, [world.click(f"page-{stands}", "U0", clicked)])
        second = recommend(service, Question(user_id="U0", k=5, cursor=first.next_cursor))
        assert not set(ids(first)) & set(ids(second))
        assert len(ids(second)) == 5
        if stands:
            assert ids(second) == ids(whole)[5:]


@pytest.mark.parametrize("cursor", ["x", "äöü", "AAAA", "A" * 44, "=" * 8, "💥", ""])
def test_a_broken_cursor_names_the_field(service, cursor):
    with pytest.raises(BadRequest) as caught:
        recommend(service, Question(user_id="U0", cursor=cursor))
    assert caught.value.field == "cursor"


def test_a_cursor_belongs_to_its_question_and_bundle(service, world):
    cursor = recommend(service, Question(user_id="U0", k=5)).next_cursor
    with pytest.raises(BadRequest, match="another question"):
        recommend(service, Question(user_id="U1", k=5, cursor=cursor))
    service.swap_parts("b2", *world.parts(), service.wall())
    with pytest.raises(BadRequest, match="another bundle"):
        recommend(service, Question(user_id="U0", k=5, cursor=cursor))


def test_rank_orders_what_it_is_given(service):
    slate = recommend(service, Question(user_id="U0", candidates=("N3", "N24", "N0", "gone", "N28")))
    assert ids(slate)[:2] == ["N24", "N28"]
    assert set(slate.unscored) == {"gone"}, "what the user had before (N0) is ranked all the same"
    assert "N0" in ids(slate)
    assert slate.next_cursor is None


def test_similar_items_are_of_a_kind_and_not_the_item(service):
    slate = similar(service, "N8", k=5)
    assert "N8" not in ids(slate)
    assert all(int(one[1:]) % 2 == 0 for one in ids(slate)[:3])
    assert not slate.cold_start
    explained = similar(service, "N8", k=1, explain=True).items[0].reasons[0]
    assert (explained.text, explained.item_id) == ("Goes with “Soccer story number 8”", "N8")
    with pytest.raises(UnknownItem):
        similar(service, "gone")


def test_a_bundle_with_one_surface_answers_everything_on_it(world):
    from shortlist.app.service import Service

    data, models, specs = world.parts()
    service = Service.of(data, models, {"feed": specs["home"]})
    assert recommend(service, Question(user_id="U0", k=3)).surface == "feed"
    assert similar(service, "N8", k=3).surface == "feed"
    with pytest.raises(UnknownSurface):
        recommend(service, Question(user_id="U0", surface="home"))
    service.close()


def test_a_hidden_item_is_gone_from_every_answer(service):
    first = ids(recommend(service, Question(user_id="U0", k=1)))[0]
    ingest(service, [{"event": "item", "event_id": "h", "item_id": first, "fields": {"available": False}}])
    assert first not in ids(recommend(service, Question(user_id="U0", k=500)))
    assert first not in ids(recommend(service, Question(user_id="stranger", k=500)))


class Broken:
    """A model that fails as told."""

    def __init__(self, error):
        self.error = error

    def retrieve(self, requests, k):
        raise self.error


@pytest.mark.parametrize("error", [StageError("wrong"), StoreUnavailable("away")])
def test_a_failing_pipeline_is_replaced_by_popular_items(service, error):
    first = ids(recommend(service, Question(user_id="U0", k=1)))[0]
    ingest(service, [{"event": "item", "event_id": "h", "item_id": first, "fields": {"available": False}}])
    service.state.runner("home").stages["source"][0].model = Broken(error)
    slate = recommend(service, Question(user_id="U0", k=500))
    assert slate.served_by == "popular"
    assert slate.degraded == (error.code,)
    assert not {"N0", first} & set(ids(slate))
    assert len(slate.items) == 23


def test_no_list_without_a_bundle():
    from shortlist.app.service import Service

    service = Service()
    with pytest.raises(NoBundle):
        recommend(service, Question(user_id="U0"))
    service.close()


def test_a_catalogue_of_one_answers(world):
    from shortlist.app.service import Service

    data, models, specs = world.parts(world.dataset(n_items=1, n_users=2))
    service = Service.of(data, models, specs)
    one = recommend(service, Question(user_id="stranger", k=5))
    assert ids(one) == ["N0"]
    assert one.shortfall == 4
    assert recommend(service, Question(user_id="U0", k=5)).items == ()
    service.close()


def test_a_catalogue_of_none_answers_with_nothing_and_says_why(world):
    from shortlist.app.service import Service
    from shortlist.pipeline.spec import PipelineSpec

    data = world.dataset(n_items=0, n_users=2)
    spec = PipelineSpec.from_dict({
        "name": "home", "source": [{"use": "popular"}],
        "scorer": [{"use": "first_score", "columns": ["score.popular"]}], "effect": [{"use": "record"}],
    })  # fmt: skip
    service = Service.of(data, {}, {"home": spec})
    none = recommend(service, Question(user_id="U0", k=5))
    assert none.items == ()
    assert none.shortfall == 5
    service.close()


def test_lists_of_many_users_are_unique_and_sorted(service):
    for n in range(300):
        slate = recommend(service, Question(user_id=f"U{n % 15}", k=1 + n % 30))
        scores = [pick.score for pick in slate.items]
        assert len(set(ids(slate))) == len(slate.items) <= 1 + n % 30
        assert (np.diff(scores) <= 0).all()


def test_what_is_popular_in_a_segment_by_user_table_and_by_context(world):
    data = world.dataset()
    regions = pl.DataFrame({"user_id": data.users.ids, "region": ["north" if u % 2 else "south" for u in range(12)]})
    data = replace(data, user_table=regions)
    service = Service.of(data, {"knn": Popularity(segment="region", smoothing=0.0).fit(data)}, {"home": world.spec()})

    def topics(user_id, **context):
        question = Question(user_id=user_id, k=4, context=context)
        return {int(pick.item_id[1:]) % 2 for pick in recommend(service, question, record=False).items}

    assert (topics("U1"), topics("U2")) == ({1}, {0}), "odd users live in the north and read odd items"
    assert topics("stranger", region="north") == {1}
    assert topics("U2", region="north") == {1}, "what the request says comes first"
    service.close()
