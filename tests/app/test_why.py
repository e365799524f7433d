from __future__ import annotations

import pytest

from shortlist.app.ingest import ingest
from shortlist.app.questions import Question, SessionItem
from shortlist.app.recommend import recommend
from shortlist.app.similar import similar
from shortlist.app.why import why, why_not
from shortlist.core.errors import BadRequest, StoreUnavailable, UnknownRequest


def test_tells_stages_sources_and_columns(service):
    slate = recommend(service, Question(user_id="U0", k=3))
    told = why(service, slate.request_id)
    assert told["user_id"] == "U0"
    assert told["bundle"] == "b1"
    assert told["surface"] == "home"
    assert told["spec_hash"] == service.state.runner("home").spec.hash
    assert [row["item_id"] for row in told["items"]] == [pick.item_id for pick in slate.items]
    assert [row["score"] for row in told["items"]] == [pick.score for pick in slate.items]
    assert set(told["items"][0]["sources"]) == {"knn", "popular"}
    assert told["items"][0]["columns"]["propensity"] == 1.0
    seen = next(stage for stage in told["stages"] if stage["stage"] == "seen")
    assert seen["dropped"] == 6
    assert next(stage for stage in told["stages"] if stage["stage"] == "popular")["dropped"] == 0


def test_says_by_which_stage_an_item_was_dropped(service):
    ingest(service, [{"event": "item", "event_id": "h", "item_id": "N2", "fields": {"available": False}}])
    slate = recommend(service, Question(user_id="U0", k=3, filter="price < 29", exclude=("N6",)))
    shown = slate.items[0].item_id

    def stage_of(item_id):
        told = why_not(service, slate.request_id, item_id)
        return told["verdict"], told["stage"]

    assert stage_of(shown) == ("shown", None)
    assert stage_of("N0") == ("dropped", "seen")
    assert stage_of("N2") == ("dropped", "unavailable")
    assert stage_of("N6") == ("dropped", "exclude")
    assert stage_of("N29") == ("dropped", "caller_filter")
    assert stage_of("N3") == ("dropped", "top")
    assert stage_of("gone") == ("unknown_item", None)


def test_a_later_click_does_not_rewrite_the_past(service, world):
    slate = recommend(service, Question(user_id="U0", k=3))
    ingest(service, [world.click(1, "U0", slate.items[0].item_id)])
    assert why_not(service, slate.request_id, slate.items[0].item_id)["verdict"] == "shown"
    assert why_not(service, slate.request_id, "N0")["stage"] == "seen"


def test_sessions_pages_and_similar_items_can_be_explained(service):
    session = recommend(service, Question(session=(SessionItem("N1"),), k=3))
    assert why_not(service, session.request_id, "N1")["stage"] == "seen"
    assert why(service, session.request_id)["user_id"] is None
    first = recommend(service, Question(user_id="U0", k=3))
    second = recommend(service, Question(user_id="U0", k=3, cursor=first.next_cursor))
    assert [row["position"] for row in why(service, second.request_id)["items"]] == [4, 5, 6]
    assert "earlier page" in why_not(service, second.request_id, first.items[0].item_id)["text"]
    like = similar(service, "N8", k=3)
    assert why_not(service, like.request_id, "N8")["stage"] == "exclude"


def test_another_bundle_can_only_tell_what_was_recorded(service, world):
    slate = recommend(service, Question(user_id="U0", k=3))
    service.swap_parts("b2", *world.parts(), service.wall())
    assert why(service, slate.request_id)["bundle"] == "b1"
    assert why_not(service, slate.request_id, "N0")["verdict"] == "not_recorded"


def test_unknown_decisions(service):
    with pytest.raises(UnknownRequest):
        why(service, "r123")
    with pytest.raises(BadRequest):
        why(service, "a\x00b")


def test_a_look_without_consequences_leaves_no_trace(service):
    slate = recommend(service, Question(user_id="U0", k=1), record=False)
    service.recorder.flush()
    assert service.ledger.count() == 0
    with pytest.raises(UnknownRequest):
        why(service, slate.request_id)


def test_decisions_reach_the_ledger_and_survive_a_full_queue(service):
    slates = [recommend(service, Question(user_id="U0", k=1)) for _ in range(20)]
    service.recorder.flush()
    assert service.ledger.count() == 20
    assert service.ledger.get(slates[0].request_id)["question"]["filter"] is None
    assert [one["request_id"] for one in service.ledger.recent("U0", 1)] == [slates[-1].request_id]


def test_a_ledger_that_is_away_degrades_and_recovers(service, monkeypatch):
    def away(*_):
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(service.ledger, "record", away)
        recommend(service, Question(user_id="U0", k=1))
        service.recorder.flush()
        assert recommend(service, Question(user_id="U0", k=1)).degraded == ("ledger",)
        service.recorder.flush()
    assert service.recorder.lost == 2
    recommend(service, Question(user_id="U0", k=1))
    service.recorder.flush()
    assert recommend(service, Question(user_id="U0", k=1)).degraded == ()


def test_reasons_name_past_items_or_say_popular(service):
    slate = recommend(service, Question(user_id="U0", k=3, explain=True))
    first = slate.items[0].reasons[0]
    assert first.source == "knn"
    assert first.item_id in {"N0", "N4", "N8", "N12", "N16", "N20"}
    assert first.text == f"Because you chose “Soccer story number {first.item_id[1:]}”"
    cold = recommend(service, Question(user_id="stranger", k=1, explain=True))
    assert [(one.text, one.source, one.item_id) for one in cold.items[0].reasons] == [("Popular", "popular", None)]
    assert recommend(service, Question(user_id="U0", k=1)).items[0].reasons is None
