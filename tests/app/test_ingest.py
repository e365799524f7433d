from __future__ import annotations

import math

import numpy as np
import pytest

from shortlist.app.ingest import ingest
from shortlist.app.items import item
from shortlist.app.questions import Question, TextQuestion
from shortlist.app.recommend import recommend
from shortlist.app.search import search
from shortlist.app.service import Service
from shortlist.app.users import user, users
from shortlist.core.errors import TooMany, UnknownItem
from shortlist.stores.open import open_store


def counts(service):
    state = service.state
    return state.counts["events"].read(np.arange(30), np.full(30, 4e9)).tolist()


def test_duplicates_change_nothing(service, world):
    ingest(service, [world.click(1)])
    before = counts(service), service.state.n_events
    again = ingest(service, [world.click(1), world.click(1)])
    assert [row.status for row in again.rows] == ["duplicate", "duplicate"]
    assert (counts(service), service.state.n_events) == before


def test_same_id_other_content_is_refused_and_the_first_stays(service, world):
    ingest(service, [world.click(1, item_id="N2")])
    row = ingest(service, [world.click(1, item_id="N6")]).rows[0]
    assert (row.status, row.field) == ("rejected", "event_id")
    history = user(service, "U0")["history"]
    assert history[0]["item_id"] == "N2"


BAD = [
    ({"value": math.nan}, "value"),
    ({"value": math.inf}, "value"),
    ({"value": True}, "value"),
    ({"value": "5"}, "value"),
    ({"user_id": ""}, "user_id"),
    ({"user_id": None}, "user_id"),
    ({"user_id": 7}, "user_id"),
    ({"user_id": "undefined"}, "user_id"),
    ({"user_id": "a\u200bb"}, "user_id"),
    ({"user_id": "e\u0301"}, "user_id"),
    ({"user_id": "x" * 1_000_000}, "user_id"),
    ({"item_id": 9007199254740993}, "item_id"),
    ({"item_id": "a\x00b"}, "item_id"),
    ({"occurred_at": 1_700_000_000_000}, "occurred_at"),
    ({"occurred_at": -62_135_596_801}, "occurred_at"),
    ({"occurred_at": "2026-02-30T00:00:00Z"}, "occurred_at"),
    ({"occurred_at": "2026-02-03T00:00:00"}, "occurred_at"),
    ({"occurred_at": 9e10}, "occurred_at"),
    ({"type": "CLICK!"}, "type"),
    ({"is_admin": True}, "is_admin"),
    ({"event": "purchase"}, "event"),
]


@pytest.mark.parametrize(("change", "field"), BAD)
def test_bad_rows_name_their_field_and_spare_the_others(service, world, change, field):
    receipt = ingest(service, [world.click(1), {**world.click(2), **change}, world.click(3, item_id="N6")])
    assert [row.status for row in receipt.rows] == ["accepted", "rejected", "accepted"]
    assert receipt.rows[1].field == field
    assert receipt.rows[1].reason
    assert service.log.count() == 2


@pytest.mark.parametrize("row", [None, 1, "x", [], {}])
def test_rows_that_are_no_events_are_refused(service, row):
    assert ingest(service, [row]).rows[0].status == "rejected"


def test_too_many_rows(service, world):
    with pytest.raises(TooMany):
        ingest(service, [world.click(1)] * 10_001)


def test_an_empty_batch_is_fine(service):
    assert ingest(service, []).rows == ()


def test_order_within_a_batch_does_not_matter(world):
    rows = [world.click(n, "fresh", f"N{n}", occurred_at=1_750_000_000 + n) for n in range(8)]
    lists = []
    for order in (rows, rows[::-1], rows[3:] + rows[:3]):
        service = world.service()
        ingest(service, order)
        lists.append([row["item_id"] for row in user(service, "fresh")["history"]])
        service.close()
    assert lists[0] == lists[1] == lists[2] == [f"N{n}" for n in range(7, -1, -1)]


def test_a_sender_ahead_of_us_does_not_pin_anything(service, world):
    now = service.wall()
    ingest(service, [world.click(1, "fresh", "N1", occurred_at=now + 240)])
    assert user(service, "fresh")["history"][0]["item_id"] == "N1"
    ingest(service, [world.click(2, "fresh", "N3")])
    assert user(service, "fresh")["history"][0]["item_id"] == "N3"


def test_a_new_item_can_be_found_named_and_recommended(service):
    fields = {"title": "Volcano erupts", "category": "soccer", "price": 3}
    ingest(service, [{"event": "item", "event_id": "i", "item_id": "NEW", "fields": fields}])
    assert item(service, "NEW")["fields"] == {**fields, "available": True}
    assert [pick.item_id for pick in search(service, TextQuestion("volcano")).items] == ["NEW"]
    slate = recommend(service, Question(user_id="stranger", k=500))
    assert "NEW" in [pick.item_id for pick in slate.items]


def test_a_changed_title_is_searched_and_the_old_one_is_not(service):
    ingest(
        service, [{"event": "item", "event_id": "i", "item_id": "N3", "fields": {"title": "Zebra", "abstract": None}}]
    )
    assert [pick.item_id for pick in search(service, TextQuestion("zebra")).items] == ["N3"]
    assert "N3" not in [pick.item_id for pick in search(service, TextQuestion("word3")).items]


def test_a_field_of_another_type_is_refused_before_it_is_logged(service):
    rows = [
        {"event": "item", "event_id": "1", "item_id": "N3", "fields": {"price": "cheap"}},
        {"event": "item", "event_id": "2", "item_id": "N3", "fields": {"price": 9}},
    ]
    receipt = ingest(service, rows)
    assert [row.status for row in receipt.rows] == ["rejected", "accepted"]
    assert receipt.rows[0].field == "fields.price"
    assert service.log.count() == 1
    assert item(service, "N3")["fields"]["price"] == 9


def test_clicks_on_unknown_items_wait_for_the_item(service, world):
    ingest(service, [world.click(1, "fresh", "LATER")])
    with pytest.raises(UnknownItem):
        item(service, "LATER")
    assert user(service, "fresh") == {"user_id": "fresh", "known": True, "history": []}
    ingest(service, [{"event": "item", "event_id": "i", "item_id": "LATER", "fields": {"title": "Now here"}}])
    assert user(service, "fresh")["history"][0]["title"] == "Now here"


def read(service):
    return [row["item_id"] for row in user(service, "fresh")["history"]]


def test_a_restart_replays_the_log(world, tmp_path):
    url = f"sqlite:{tmp_path}/state.db"
    first = world.service(log=open_store("event_log", url), ledger=open_store("ledger", url))
    ingest(first, [world.click(n, "fresh", f"N{2 * n + 1}") for n in range(4)])
    ingest(first, [{"event": "item", "event_id": "i", "item_id": "NEW", "fields": {"title": "New"}}])
    ingest(first, [{"event": "item", "event_id": "h", "item_id": "N5", "fields": {"available": False}}])
    asked = recommend(first, Question(user_id="fresh", k=10))
    was = [pick.item_id for pick in asked.items], read(first), counts(first)
    first.close()
    second = world.service(log=open_store("event_log", url), ledger=open_store("ledger", url))
    now = [pick.item_id for pick in recommend(second, Question(user_id="fresh", k=10)).items]
    assert (now, read(second), counts(second)) == was
    assert second.recorder.get(asked.request_id)["items"] == was[0]
    second.close()


def test_events_of_another_writer_are_read_in_order(world, tmp_path):
    url = f"sqlite:{tmp_path}/state.db"
    ours = world.service(log=open_store("event_log", url))
    theirs = Service(open_store("event_log", url))
    ingest(theirs, [world.click(1, "fresh", "N1")])
    ingest(ours, [world.click(2, "fresh", "N3")])
    assert [row["item_id"] for row in user(ours, "fresh")["history"]] == ["N3", "N1"]
    theirs.close()
    ours.close()


def test_events_are_taken_before_there_is_a_bundle(world):
    service = Service()
    assert ingest(service, [world.click(1, "fresh", "N1")]).count("accepted") == 1
    data, models, specs = world.parts()
    service.swap_parts("late", data, models, specs, service.wall())
    assert user(service, "fresh")["history"][0]["item_id"] == "N1"
    service.close()


def test_users_are_listed_most_active_first(service, world):
    ingest(service, [world.click(n, "U7", f"N{n}") for n in range(1, 4)])
    found = users(service, "U", 3)["users"]
    assert found[0] == {"user_id": "U7", "n_events": 9}
    assert [row["user_id"] for row in found[1:]] == ["U0", "U1"]
    assert users(service, "nobody", 3) == {"users": []}


def test_events_of_a_clock_that_is_ahead_are_counted_and_taken_for_now(service, world):
    """A little ahead is a skewed clock, far ahead is a mistake."""
    now = service.wall()
    sent = [world.click(n, occurred_at=now + ahead) for n, ahead in enumerate((-60.0, 120.0, 9_000.0), start=1)]
    found = ingest(service, sent)
    assert [row.status for row in found.rows] == ["accepted", "accepted", "rejected"]
    assert found.ahead == 1
    assert ingest(service, sent).ahead == 0, "a repeated event is not counted again"
