"""What must be refused, with which status, which field, and nothing left behind: a table, one row per bad input."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest

from shortlist.doors.http.shapes import Problem

JSON = {"content-type": "application/json"}


def refused(answer, status, field=None):
    """The answer is a problem of that status that names the field and gives nothing away."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = Problem.model_validate(answer.json())
    assert told.status == status
    assert told.request_id == answer.headers["x-request-id"]
    assert told.hint
    if field is not None:
        assert told.field == field
    for secret in ("Traceback", "/shortlist/", ".py", "site-packages"):
        assert secret not in answer.text
    return told


def event(**changes):
    base = {"event": "interaction", "event_id": "e1", "user_id": "U0", "item_id": "N2", "type": "click"}
    return {**base, **changes}


RECOMMEND = [
    ({"k": 0}, 422, "k"),
    ({"k": -1}, 422, "k"),
    ({"k": 501}, 422, "k"),
    ({"k": 10**9}, 422, "k"),
    ({"k": 2**64}, 422, "k"),
    ({"k": 1.5}, 422, "k"),
    ({"k": 10.0}, 422, "k"),
    ({"k": "ten"}, 422, "k"),
    ({"k": "10"}, 422, "k"),
    ({"k": "５"}, 422, "k"),
    ({"k": True}, 422, "k"),
    ({"k": [5]}, 422, "k"),
    ({"user_id": 9007199254740993}, 422, "user_id"),
    ({"user_id": ""}, 422, "user_id"),
    ({"user_id": "x" * 1_000_000}, 422, "user_id"),
    ({"user_id": "é" * 129}, 422, "user_id"),
    ({"user_id": "e\u0301"}, 422, "user_id"),
    ({"user_id": "a\u202eb"}, 422, "user_id"),
    ({"user_id": "a\x00b"}, 422, "user_id"),
    ({"user_id": "a\r\nforged: line"}, 422, "user_id"),
    ({"surface": "../home"}, 422, "surface"),
    ({"surface": "nowhere"}, 404, "surface"),
    ({"surface": 3}, 422, "surface"),
    ({"is_admin": True}, 422, "is_admin"),
    ({"tenant_id": "t"}, 422, "tenant_id"),
    ({"explain": "yes"}, 422, "explain"),
    ({"exclude": "N1"}, 422, "exclude"),
    ({"exclude": [1]}, 422, "exclude.0"),
    ({"exclude": ["N1"] * 10_001}, 413, "exclude"),
    ({"context": {"deep": {"er": 1}}}, 422, "context.deep"),
    ({"context": {"str": [1]}}, 422, "context.str"),
    ({"context": {str(n): n for n in range(65)}}, 413, "context"),
    ({"filter": ""}, 422, "filter"),
    ({"filter": "x" * 5000}, 422, "filter"),
    ({"filter": "(" * 1000 + "price > 1" + ")" * 1000}, 422, "filter"),
    ({"filter": "no_such == 1"}, 422, "filter"),
    ({"filter": "__import__('os').system('true')"}, 422, "filter"),
    ({"filter": "price > 'cheap'"}, 422, "filter"),
    ({"cursor": "AAAA"}, 422, "cursor"),
    ({"cursor": 5}, 422, "cursor"),
    ({"return_fields": ["no_such"]}, 422, "return_fields"),
    ({"session": [{"item_id": "N1"}]}, 422, "session"),
    ({"session": [{"item_id": "N1", "occurred_at": -1}], "user_id": None}, 422, "session.0.occurred_at"),
    ({"session": [{"item": "N1"}], "user_id": None}, 422, None),
]


@pytest.mark.parametrize(("change", "status", "field"), RECOMMEND)
def test_recommend_refuses(client, change, status, field):
    refused(client.post("/v1/recommend", json={"user_id": "U0", **change}), status, field)


QUERIES = [
    ("/v1/recommend/U0?k=0", 422, "k"),
    ("/v1/recommend/U0?k=1e1", 422, "k"),
    ("/v1/recommend/U0?k=5_0", 422, "k"),
    ("/v1/recommend/U0?k=%EF%BC%95", 422, "k"),
    ("/v1/recommend/U0?k=", 422, "k"),
    ("/v1/recommend/U0?k=" + "9" * 5000, 422, "k"),
    ("/v1/recommend/U0?k=5&k=6", 422, "k"),
    ("/v1/recommend/U0?offset=1000000000000", 422, "offset"),
    ("/v1/recommend/U0?explain=maybe", 422, "explain"),
    ("/v1/recommend/a%00b", 422, "user_id"),
    ("/v1/recommend/", 422, "user_id"),
    ("/v1/similar/gone", 404, "item_id"),
    ("/v1/similar/N1?k=501", 422, "k"),
    ("/v1/items/gone", 404, "item_id"),
    ("/v1/items/..%2f..%2fetc%2fpasswd", 404, "item_id"),
    ("/v1/users?limit=0", 422, "limit"),
    ("/v1/users?limit=1000000", 422, "limit"),
    ("/v1/users/%F3%A0%80%81", 422, "user_id"),
    ("/v1/search", 422, "q"),
    ("/v1/search?q=", 422, "q"),
    ("/v1/search?q=" + "x" * 1001, 422, "q"),
    ("/v1/search?q=x&k=0", 422, "k"),
    ("/v1/search?q=x&filter=nope==1", 422, "filter"),
    ("/v1/why", 422, "request_id"),
    ("/v1/why?request_id=unknown", 404, "request_id"),
    ("/v1/why-not?request_id=unknown&item_id=N1", 404, "request_id"),
    ("/health/ready?verbose=1", 422, "verbose"),
    ("/v1/nothing", 404, None),
    ("/v1/recommend", 405, None),
    ("/health/../etc/passwd", 404, None),
]


@pytest.mark.parametrize(("path", "status", "field"), QUERIES)
def test_addresses_refused(client, path, status, field):
    refused(client.get(path), status, field)


BODIES = [
    (b"", 400),
    (b"null", 422),
    (b"[]", 422),
    (b'"x"', 422),
    (b"{", 400),
    (b"{} trailing", 400),
    (b"\xef\xbb\xbf{}", 400),
    (b'{"user_id": "\xff"}', 400),
    (b'{"user_id": "\xc0\xaf"}', 400),
    (rb'{"user_id": "\ud800"}', 400),
    (b'{"user_id": "U0", "user_id": "U1"}', 400),
    (b'{"context": {"a": 1, "a": 2}}', 400),
    (b'{"k": ' + b"9" * 4301 + b"}", 400),
    (b'{"k": 0x10}', 400),
    (b"[" * 200_000, 400),
    (b'{"context": ' + b'{"a": ' * 5000 + b"1" + b"}" * 5001, 400),
    ("{}".encode("utf-16"), 400),
]


@pytest.mark.parametrize(("raw", "status"), BODIES)
@pytest.mark.parametrize("path", ["/v1/recommend", "/v1/rank", "/v1/similar", "/v1/ask"])
def test_bodies_refused(client, raw, status, path):
    if raw[:1] == b"{" and status == 422:
        pytest.skip("shape depends on the route")
    refused(client.post(path, content=raw, headers=JSON), status)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_numbers_that_are_not_finite_name_their_field(client, number):
    raw = f'{{"user_id": "U0", "context": {{"price": {number}}}}}'
    refused(client.post("/v1/recommend", content=raw, headers=JSON), 422, "context.price")
    refused(client.post("/v1/recommend", content=f'{{"k": {number}}}', headers=JSON), 422, "k")
    raw = json.dumps(event()).replace('"click"', f'"click", "value": {number}')
    refused(client.post("/v1/events", content=raw, headers=JSON), 422, "value")
    rows = client.post("/v1/events", content=f"[{raw}, {json.dumps(event(event_id='e2'))}]", headers=JSON).json()
    assert (rows["accepted"], rows["rejected"]) == (1, 1)


EVENTS = [
    ({"value": True}, "value"),
    ({"value": 10**30}, "value"),
    ({"type": "rating", "value": 6}, "value"),
    ({"type": "rating", "value": -3}, "value"),
    ({"type": "dwell", "value": -1}, "value"),
    ({"type": "dwell", "value": 3e8}, "value"),
    ({"user_id": None}, "user_id"),
    ({"user_id": "None"}, "user_id"),
    ({"user_id": "NaN"}, "user_id"),
    ({"item_id": ""}, "item_id"),
    ({"event_id": None}, "event_id"),
    ({"event": "purchase"}, "event"),
    ({"type": None}, "type"),
    ({"occurred_at": 1_795_000_000_000}, "occurred_at"),
    ({"occurred_at": "tomorrow"}, "occurred_at"),
    ({"occurred_at": "2026-11-22T12:00:00"}, "occurred_at"),
    ({"occurred_at": "2026-11-22T23:59:60Z"}, "occurred_at"),
    ({"occurred_at": 253_402_300_800}, "occurred_at"),
    ({"occurred_at": -1}, "occurred_at"),
    ({"propensity": 0.5}, "propensity"),
]


@pytest.mark.parametrize(("change", "field"), EVENTS)
def test_a_single_bad_event_is_refused_and_nothing_is_stored(client, service, change, field):
    answer = client.post("/v1/events", json=event(**change))
    told = refused(answer, 422, field)
    assert answer.json()["rejected"] == 1
    assert told.hint
    assert service.log.count() == 0


def test_event_batches_have_a_limit(client, service):
    rows = [event(event_id=f"e{n}") for n in range(10_001)]
    refused(client.post("/v1/events", json=rows), 413, "events")
    assert service.log.count() == 0
    assert client.post("/v1/events", json=rows[:-1]).json()["accepted"] == 10_000


@pytest.mark.parametrize("raw", [b"1", b'"x"', b"null", b"true"])
def test_events_must_be_objects(client, raw):
    refused(client.post("/v1/events", content=raw, headers=JSON), 422, "body")


def test_same_id_other_body_is_refused_and_the_first_stays(client, service):
    assert client.post("/v1/events", json=event()).status_code == 200
    refused(client.post("/v1/events", json=event(item_id="N4")), 422, "event_id")
    assert client.post("/v1/events", json=event()).json()["duplicates"] == 1
    assert service.log.count() == 1


MEDIA = [
    {"content-type": "text/plain"},
    {"content-type": "application/x-www-form-urlencoded"},
    {"content-type": "multipart/form-data; boundary=x"},
    {"content-type": "application/json; charset=utf-16"},
    {"content-type": ""},
    {"content-type": "application/json", "content-encoding": "gzip"},
    {"content-type": "application/json", "content-encoding": "gzip, gzip"},
    {"content-type": "application/json", "content-encoding": "br"},
]


@pytest.mark.parametrize("headers", MEDIA)
def test_media_that_is_not_plain_json(client, headers):
    body = gzip.compress(b" " * 10_000_000) if "gzip" in headers.get("content-encoding", "") else b"{}"
    refused(client.post("/v1/recommend", content=body, headers=headers), 415)


def test_large_bodies_are_refused_before_they_are_read(make):
    client = make(max_body_bytes=1000)
    assert client.post("/v1/recommend", content=b"{" + b" " * 998 + b"}", headers=JSON).status_code == 200
    refused(client.post("/v1/recommend", content=b"{" + b" " * 999 + b"}", headers=JSON), 413)

    async def chunks():
        for _ in range(11):
            yield b" " * 100

    refused(client.post("/v1/recommend", content=chunks(), headers=JSON), 413)
    for length in ("-5", "x", "5, 5", "1e3"):
        refused(client.post("/v1/recommend", content=b"{}", headers={**JSON, "content-length": length}), 400)
    refused(client.post("/v1/recommend", content=b"{}", headers={**JSON, "content-length": "9" * 30}), 413)


def test_a_body_that_never_ends_is_cut_off(client, monkeypatch):
    monkeypatch.setattr("shortlist.doors.http.body.BODY_TIMEOUT_S", 0.2)

    async def drops():
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    refused(client.post("/v1/recommend", content=drops(), headers=JSON), 408)


def test_long_addresses_and_many_headers(client):
    refused(client.get("/v1/items/" + "x" * 5000), 414)
    refused(client.get("/v1/search?q=" + "x" * 20_000), 414)
    refused(client.get("/v1/search?" + "&".join(f"p{n}=1" for n in range(5_000))), 414)
    refused(client.get("/health/live", headers=[(f"x-{n}", "1") for n in range(120)]), 431)
    refused(client.get("/health/live", headers={"x-long": "x" * 40_000}), 431)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PATCH", "DELETE", "OPTIONS", "NONSENSE"])
def test_other_methods(client, method):
    answer = client.request(method, "/v1/recommend")
    refused(answer, 405)
    assert "access-control-allow-origin" not in answer.headers


def test_head_is_get_without_a_body(client):
    got, head = client.get("/v1/surfaces"), client.request("HEAD", "/v1/surfaces")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == got.headers["content-length"]


def test_method_override_headers_mean_nothing(client):
    assert client.get("/v1/surfaces", headers={"X-HTTP-Method-Override": "DELETE"}).status_code == 200


def test_ids_that_look_odd_but_are_fine(client):
    for user_id in ("U0", "007", "1e5", "’; DROP TABLE x", "ほ", "{{7*7}}", "a b", "%s%n", "👩"):
        answer = client.post("/v1/recommend", json={"user_id": user_id, "k": 1})
        assert answer.status_code == 200, answer.text


def test_contradictory_filter_is_an_empty_list_that_says_so(client):
    told = client.post("/v1/recommend", json={"user_id": "U0", "k": 3, "filter": "price > 5 and price < 5"}).json()
    assert told["items"] == []
    assert told["shortfall"] == 3
