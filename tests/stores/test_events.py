"""What an event may be, field by field; messages name the field and never repeat the value."""

import math

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.core.errors import BadRequest
from shortlist.stores.events import (
    Impression,
    Interaction,
    ItemUpdate,
    Shown,
    UserUpdate,
    check_id,
    event_from_json,
    parse_event,
)

NOW = 1_795_348_800.0  # 2026-11-22T12:00:00Z
CLICK = {"event": "interaction", "event_id": "e1", "user_id": "u1", "item_id": "i1", "type": "click"}
SHOWN = {"event": "impression", "event_id": "e2", "request_id": "r1", "items": [{"item_id": "a", "position": 0}]}
ITEM = {"event": "item", "event_id": "e3", "item_id": "i1", "fields": {"price": 3}}
USER = {"event": "user", "event_id": "e4", "user_id": "u1", "fields": {}}


def field_of(raw) -> str:
    with pytest.raises(BadRequest) as caught:
        parse_event(raw, NOW)
    assert caught.value.hint
    return caught.value.field


def test_the_four_kinds():
    click = parse_event({**CLICK, "occurred_at": NOW - 5, "request_id": "r1", "context": {"device": "tv"}}, NOW)
    assert click == Interaction(
        event_id="e1", received_at=NOW, stated_at=NOW - 5, user_id="u1", item_id="i1", type="click", value=1.0,
        request_id="r1", context={"device": "tv"},
    )  # fmt: skip
    assert click.occurred_at == NOW - 5
    shown = parse_event({**SHOWN, "items": [{"item_id": "a", "position": 0, "propensity": 0.25}]}, NOW)
    assert isinstance(shown, Impression)
    assert shown.items == (Shown(item_id="a", position=0, propensity=0.25),)
    assert shown.user_id is shown.subject is None
    item, user = parse_event(ITEM, NOW), parse_event(USER, NOW)
    assert isinstance(item, ItemUpdate)
    assert (item.fields, item.subject) == ({"price": 3}, None)
    assert isinstance(user, UserUpdate)
    assert (user.fields, user.subject) == ({}, "u1")


@pytest.mark.parametrize("raw", [CLICK, SHOWN, ITEM, USER, {**CLICK, "value": 4, "occurred_at": NOW}])
def test_json_gives_the_same_event_back(raw):
    event = parse_event(raw, NOW)
    assert event_from_json(event.kind, event.to_json()) == event


@pytest.mark.parametrize("raw", [None, [], "x", 3])
def test_what_is_no_object_is_refused(raw):
    assert field_of(raw) == "event"


@pytest.mark.parametrize("kind", [None, "", "Interaction", "view", 3, ["interaction"]])
def test_unknown_kinds_are_refused(kind):
    assert field_of({**CLICK, "event": kind}) == "event"


def test_a_misspelt_kind_and_field_suggest_the_nearest():
    with pytest.raises(BadRequest, match="interaction"):
        parse_event({**CLICK, "event": "interacton"}, NOW)
    with pytest.raises(BadRequest, match="item_id") as caught:
        parse_event({**CLICK, "itemid": "x"}, NOW)
    assert caught.value.field == "itemid"


@pytest.mark.parametrize("name", ["event_id", "user_id", "item_id", "type"])
@pytest.mark.parametrize("value", [None, "", 5, True, 2**70, ["a"], {}])
def test_required_text_must_be_text(name, value):
    assert field_of({**CLICK, name: value}) == name


@pytest.mark.parametrize(
    "value",
    ["undefined", "null", "NaN", "None", "anonymous", "NONE", "a\x00b", "a\nb", "a\x1bb", "a\u200bb", "a\u202eb",
     "\ufeffa", "a\u2028b", "a\u2066b", "e\u0301", "\ud800", " a", "a ", "a" * 257, "é" * 129, "   "],
)  # fmt: skip
@pytest.mark.parametrize("name", ["event_id", "user_id", "item_id"])
def test_ids_that_would_mislead_are_refused(name, value):
    assert field_of({**CLICK, name: value}) == name


@pytest.mark.parametrize(
    "value", ["0", "007", "1e5", "é", "日本", "😀", "a b", "../x", "a" * 256, "é" * 128, "-1", "<b>"]
)
def test_ids_are_opaque_text(value):
    assert check_id(value, "user_id") == value


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, True, False, "12", "５", 10**400, -(10**400), [1], {}]
)
def test_values_are_finite_numbers(value):
    assert field_of({**CLICK, "value": value}) == "value"


def test_values_have_the_range_of_their_type():
    assert parse_event({**CLICK, "type": "rating", "value": 5}, NOW).value == 5.0
    assert field_of({**CLICK, "type": "rating", "value": 6}) == "value"
    assert field_of({**CLICK, "type": "rating", "value": -3}) == "value"
    assert field_of({**CLICK, "type": "dwell", "value": -1}) == "value"
    assert field_of({**CLICK, "type": "dwell", "value": 10 * 365 * 86400}) == "value"
    assert math.copysign(1, parse_event({**CLICK, "value": -0.0}, NOW).value) == 1.0


@pytest.mark.parametrize("value", ["Click!", "a b", "", "x" * 65, "über", "1st"])
def test_types_are_plain_names(value):
    assert field_of({**CLICK, "type": value}) == "type"


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [NOW, int(NOW), "2026-11-22T12:00:00Z", "2026-11-22T13:00:00+01:00"])
def test_seconds_and_iso_text_mean_the_same(value):
    assert parse_event({**CLICK, "occurred_at": value}, NOW + 9).occurred_at == NOW


def test_no_time_means_now_and_a_little_future_is_clamped():
    assert parse_event(CLICK, NOW).occurred_at == NOW
    ahead = parse_event({**CLICK, "occurred_at": NOW + 240}, NOW)
    assert (ahead.occurred_at, ahead.stated_at) == (NOW, NOW + 240)
    assert parse_event({**CLICK, "occurred_at": NOW + 300}, NOW).occurred_at == NOW


@pytest.mark.parametrize(
    "value",
    [NOW + 301, NOW + 3600, 0, 86_399, -62135596801, 10**400, -(10**400), math.nan, math.inf, -math.inf, True, [], {},
     "2026-11-22T12:00:00", "2026-11-22", "2026-11-22T24:00:00Z", "2026-11-22T23:59:60Z", "2026-02-30T00:00:00Z",
     "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "10000-01-01T00:00:00Z",
     "1969-12-31T00:00:00Z", "1795348800", "", "now", "２０２６-11-22T12:00:00Z", "x" * 10_000],
)  # fmt: skip
def test_impossible_times_are_refused(value):
    assert field_of({**CLICK, "occurred_at": value}) == "occurred_at"


@pytest.mark.parametrize("value", [NOW * 1000, int(NOW * 1000), 10**11, NOW * 1e6])
def test_milliseconds_are_told_what_they_are(value):
    with pytest.raises(BadRequest, match="milliseconds"):
        parse_event({**CLICK, "occurred_at": value}, NOW)


# --- impressions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "field"),
    [
        (None, "items"),
        ([], "items"),
        ("a", "items"),
        (["a"], "items.0"),
        ([{"item_id": "a", "position": 0, "extra": 1}], "items.0"),
        ([{"item_id": "a", "position": 0}, {"item_id": "b", "position": 0}], "items"),
        ([{"item_id": "a"}], "items.0.position"),
        ([{"item_id": "a", "position": True}], "items.0.position"),
        ([{"item_id": "a", "position": -1}], "items.0.position"),
        ([{"item_id": "a", "position": 1.0}], "items.0.position"),
        ([{"item_id": "", "position": 1}], "items.0.item_id"),
        ([{"item_id": "a", "position": 0, "propensity": 0}], "items.0.propensity"),
        ([{"item_id": "a", "position": 0, "propensity": 1.1}], "items.0.propensity"),
        ([{"item_id": "a", "position": 0, "propensity": math.nan}], "items.0.propensity"),
        ([{"item_id": str(n), "position": n} for n in range(501)], "items"),
    ],
)
def test_bad_impressions_name_the_place(items, field):
    assert field_of({**SHOWN, "items": items}) == field


# --- free fields ------------------------------------------------------------------------------------------------------


def deep(levels: int):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ([], "fields"),
        ({"price": math.inf}, "fields.price"),
        ({"price": 2**63}, "fields.price"),
        ({"title": "\ud800"}, "fields.title"),
        ({"item_id": "other"}, "fields.item_id"),
        ({"": 1}, "fields"),
        ({"a b": 1}, "fields"),
        ({"x" * 65: 1}, "fields"),
        ({"x": deep(100)}, "fields.x"),
        ({"x": {"\ud800": 1}}, "fields.x"),
        ({"x": "a" * 70_000}, "fields"),
        ({"x": object()}, "fields.x"),
    ],
)
def test_bad_fields_are_named(fields, field):
    assert field_of({**ITEM, "fields": fields}) == field


def test_free_text_is_normalised_and_loses_nul():
    event = parse_event({**ITEM, "fields": {"title": "e\u0301\x00!", "tags": ["<b>", "=1+1"]}}, NOW)
    assert event.fields == {"title": "é!", "tags": ["<b>", "=1+1"]}


def test_two_hundred_thousand_levels_are_refused_without_recursion_error():
    assert field_of({**ITEM, "fields": {"x": deep(200_000)}}) == "fields.x"


# --- repetition and contradiction -------------------------------------------------------------------------------------


def test_the_digest_ignores_how_and_when_it_was_sent():
    once = parse_event({**CLICK, "occurred_at": NOW, "context": {"a": 1, "b": 2}}, NOW)
    again = parse_event({**CLICK, "context": {"b": 2, "a": 1}, "occurred_at": "2026-11-22T12:00:00Z"}, NOW + 99)
    assert once.digest == again.digest
    assert parse_event(CLICK, NOW).digest == parse_event(CLICK, NOW + 99).digest


def test_the_digest_sees_every_said_field():
    variants = [CLICK, *({**CLICK, k: v} for k, v in {
        "user_id": "x", "item_id": "x", "type": "view", "value": 2, "occurred_at": NOW, "request_id": "x",
        "session_id": "x", "context": {"x": 1}}.items())]  # fmt: skip
    assert len({parse_event(raw, NOW).digest for raw in variants}) == len(variants)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
)


@settings(max_examples=300, deadline=None)
@given(
    base=st.sampled_from([CLICK, SHOWN, ITEM, USER]),
    changes=st.dictionaries(
        st.sampled_from([*CLICK, "items", "fields", "context", "value", "occurred_at", "z"]), ANYTHING
    ),
)
def test_anything_is_parsed_or_refused_with_a_field(base, changes):
    event = refused = None
    try:
        event = parse_event({**base, **changes}, NOW)
    except BadRequest as error:
        refused = error
    if event is not None:
        assert event_from_json(event.kind, event.to_json()) == event
    else:
        assert refused.field
        assert refused.hint
        orjson.dumps([refused.field, str(refused)])  # can be sent back
