"""Keys, hosts, headers, overload, deadlines, failures: what the ring and the pool promise."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from shortlist.core.errors import DeadlineExceeded, Overloaded, StoreUnavailable, UnsafeBinding
from shortlist.core.settings import ServingSettings
from shortlist.doors.http.app import create_app
from shortlist.doors.http.limits import Limits

KEY = "a-long-secret-key"

WRITES = [
    ("POST", "/v1/events", {}),
    ("POST", "/feedback", {"user_id": "U0", "news_id": "N1"}),
    ("PUT", "/v1/items/N1", {"fields": {}}),
    ("PUT", "/v1/users/U1", {"fields": {}}),
    ("POST", "/v1/bundles/promote", {"bundle": "20260101T000000-abcdef"}),
    ("POST", "/v1/bundles/rollback", {}),
]
READS = ["/v1/users", "/v1/users/U0", "/v1/why?request_id=x", "/v1/why-not?request_id=x&item_id=N1"]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, [("x-api-key", KEY), ("x-api-key", KEY)]])
def test_writes_need_the_key(make, service, method, path, body, headers):
    answer = make(api_key=KEY).request(method, path, json=body, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"
    assert "www-authenticate" in answer.headers
    assert service.log.count() == 0


def test_every_write_route_is_in_the_table_above(make):
    told = make(api_key=KEY).get("/openapi.json").json()
    guarded = {
        (method.upper(), path.replace("{item_id}", "N1").replace("{user_id}", "U1"))
        for path, operations in told["paths"].items()
        for method, operation in operations.items()
        if operation.get("security")
    }
    assert guarded == {(method, path) for method, path, _ in WRITES} | {("GET", "/v1/bundles")}


def test_the_right_key_opens(make, world):
    client = make(api_key=KEY)
    assert client.post("/v1/events", json=world.click(1), headers={"x-api-key": KEY}).status_code == 200
    assert client.post("/v1/recommend", json={"user_id": "U0"}).status_code == 200
    assert client.get("/v1/users").status_code == 200
    assert KEY not in client.get("/metrics").text


def test_beyond_loopback_what_people_did_needs_the_key(make):
    client = make(api_key=KEY, host="0.0.0.0")
    for path in READS:
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"x-api-key": KEY}).status_code in (200, 404)
    assert client.get("/v1/recommend/U0", headers={"host": "shop.example"}).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org"])
def test_beyond_loopback_without_a_key_refuses_to_start(service, host):
    with pytest.raises(UnsafeBinding, match="SHORTLIST_SERVING__API_KEY"):
        create_app(service, ServingSettings(host=host))


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1:8000.evil.example", "localhost.", ""]
)
def test_foreign_hosts_are_refused_on_loopback(client, host):
    answer = client.get("/v1/recommend/U0", headers={"host": host})
    assert answer.status_code == 400
    assert answer.json()["code"] == "wrong_host"


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST:1"])
def test_this_machine_goes_by_several_names(client, host):
    assert client.get("/health/live", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:8000.evil.example"])
def test_no_origin_is_granted_anything(client, origin):
    for method in ("GET", "OPTIONS"):
        answer = client.request(method, "/v1/surfaces", headers={"origin": origin})
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_every_answer_carries_the_headers(client):
    for path in ("/v1/surfaces", "/console/", "/docs", "/nowhere", "/v1/recommend/U0?k=0"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "script-src 'self';" in headers["content-security-policy"]
        assert len(headers["x-request-id"]) == 24
        assert "server" not in headers


def test_request_ids_are_kept_if_harmless(client):
    assert client.get("/health/live", headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    for odd in ("a b", "x" * 65, "a;b", "<script>"):
        assert client.get("/health/live", headers={"x-request-id": odd}).headers["x-request-id"] != odd


def test_logs_have_one_line_per_answer_and_nobody_in_them(client, logged):
    client.get("/v1/recommend/canary-person?k=2", headers={"user-agent": "canary-agent\tx", "x-request-id": "rid-1"})
    client.post("/v1/recommend", json={"user_id": "canary-person", "k": 0})
    client.get("/v1/items/canary-person")
    lines = [entry for entry in logged.entries if entry["event"] == "answer"]
    assert [line["route"] for line in lines] == [
        "/v1/recommend/{user_id:path}",
        "/v1/recommend",
        "/v1/items/{item_id:path}",
    ]
    assert [line["status"] for line in lines] == [200, 422, 404]
    assert lines[0]["request_id"] == "rid-1"
    assert "canary" not in str(logged.entries)


def test_our_own_failure_is_a_500_with_an_id_and_no_details(client, logged, monkeypatch):
    def explode(*_):
        raise RuntimeError("canary-person broke it")

    monkeypatch.setattr("shortlist.doors.http.routes.items.item", explode)
    answer = client.get("/v1/items/N1")
    assert answer.status_code == 500
    told = answer.json()
    assert "canary" not in answer.text
    assert "RuntimeError" not in answer.text
    failed = [entry for entry in logged.entries if entry["event"] == "failed"]
    assert failed[0]["request_id"] == told["request_id"]
    assert failed[0]["error"] == "RuntimeError"
    assert "canary" not in str(failed)


def test_a_store_that_is_away_is_503_and_worth_trying_again(client, service, world, monkeypatch):
    def away(*_):
        raise StoreUnavailable("The log is away.", hint="Try again.")

    monkeypatch.setattr(service.log, "append", away)
    answer = client.post("/v1/events", json=world.click(1))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert client.post("/v1/recommend", json={"user_id": "U0"}).status_code == 200


def test_overload_is_refused_at_once_and_health_still_answers(make, monkeypatch):
    client = make(threads=2, queue=3)
    leave = threading.Event()

    def slow(*_):
        leave.wait(10)
        return {"item_id": "N1", "fields": {}}

    monkeypatch.setattr("shortlist.doors.http.routes.items.item", slow)
    threading.Timer(0.5, leave.set).start()
    calls = [("GET", "/v1/items/N1", {})] * 12 + [("GET", "/health/ready", {})]
    began = time.monotonic()
    answers = client.many(calls)
    assert time.monotonic() - began < 5
    assert answers[-1].status_code == 200
    assert sorted(one.status_code for one in answers[:-1]) == [200] * 5 + [503] * 7
    shed = next(one for one in answers if one.status_code == 503)
    assert shed.json()["code"] == "overloaded"
    assert shed.headers["retry-after"] == "1"
    assert client.get("/v1/items/N1").status_code == 200


def test_a_deadline_frees_the_caller(make, monkeypatch):
    client = make(threads=1, queue=5, deadline_ms=100)
    leave = threading.Event()
    calls = []

    def slow(*_):
        calls.append(1)
        leave.wait(10)
        return {"item_id": "N1", "fields": {}}

    monkeypatch.setattr("shortlist.doors.http.routes.items.item", slow)
    began = time.monotonic()
    answers = client.many([("GET", "/v1/items/N1", {})] * 3)
    assert time.monotonic() - began < 2
    assert [one.json()["code"] for one in answers] == ["deadline_exceeded"] * 3
    leave.set()
    time.sleep(0.2)
    assert len(calls) == 1
    assert client.get("/v1/items/N1").status_code == 200


def test_the_pool_counts_what_is_inside():
    async def play():
        limits = Limits(threads=1, queue=1, deadline_s=5)
        leave = threading.Event()
        first = asyncio.create_task(limits.run(lambda: leave.wait(5)))
        second = asyncio.create_task(limits.run(lambda: 2))
        await asyncio.sleep(0.05)
        assert limits.inside == 2
        with pytest.raises(Overloaded):
            await limits.run(lambda: 3)
        leave.set()
        assert await first is True
        assert await second == 2
        await asyncio.sleep(0.05)
        assert limits.inside == 0
        limits.close()
        with pytest.raises(Overloaded):
            await limits.run(lambda: 4)

    asyncio.run(play())


def test_errors_of_the_work_pass_through_the_pool():
    async def play():
        limits = Limits(threads=1, queue=1, deadline_s=0.05)
        with pytest.raises(ZeroDivisionError):
            await limits.run(lambda: 1 // 0)
        with pytest.raises(DeadlineExceeded):
            await limits.run(lambda: time.sleep(0.2))
        limits.close()

    asyncio.run(play())
