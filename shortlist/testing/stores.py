"""The specification of the stores, as code: whatever passes these checks may be used.

Each check takes a function that makes a fresh, empty store; `check_event_log`, `check_ledger` and `check_feature_store`
run them all and raise `AssertionError` with a sentence that says which promise was broken. Authors of stores call them
from a test:

    def test_my_log():
        check_event_log(lambda: MyEventLog(fresh_name()))
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from shortlist.core.errors import BadRequest, ShortlistError
from shortlist.stores.base import EventLog, FeatureStore, Ledger
from shortlist.stores.events import Event, parse_event

NOW = 1_800_000_000.0


def click(n: int, user_id: str = "u1", **changes: Any) -> Event:
    """Interaction number `n` with id "e<n>", stated `n` seconds before `NOW`."""
    raw = {"event": "interaction", "event_id": f"e{n}", "user_id": user_id, "item_id": f"i{n}", "type": "click"}
    return parse_event({**raw, "occurred_at": NOW - n, **changes}, NOW)


def shown(n: int, user_id: str | None = "u1") -> Event:
    """Impression number `n` with id "s<n>" of two items."""
    items = [{"item_id": "a", "position": 0, "propensity": 0.5}, {"item_id": "b", "position": 1}]
    raw: dict[str, Any] = {"event": "impression", "event_id": f"s{n}", "request_id": f"r{n}", "items": items}
    return parse_event(raw if user_id is None else {**raw, "user_id": user_id}, NOW)


def update(kind: str, n: int, owner: str) -> Event:
    """Item or user update number `n` with nested fields and text beyond ASCII."""
    fields = {"title": "Grüße 😀", "price": 1.5, "tags": ["x", "y"], "more": {"deep": None, "ok": True}}
    return parse_event({"event": kind, "event_id": f"{kind}{n}", f"{kind}_id": owner, "fields": fields}, NOW)


# --- event log --------------------------------------------------------------------------------------------------------


def starts_empty(make: Callable[[], EventLog]) -> None:
    """A fresh log has nothing and says so without failing."""
    log = make()
    _same(log.read(), [], "a fresh log reads as empty")
    _same((log.count(), log.last_seq()), (0, 0), "a fresh log counts nothing")
    _same(log.append([]), [], "an empty batch is stored without outcome")
    log.close()


def keeps_every_kind_exactly(make: Callable[[], EventLog]) -> None:
    """What comes back equals what went in, for all four kinds."""
    log = make()
    given = [click(1, value=2.5, context={"a": [1, {"b": None}]}), shown(1), shown(2, None),
             update("item", 1, "i1"), update("user", 1, "u1")]  # fmt: skip
    _same(log.append(given), ["accepted"] * 5, "new events are accepted")
    _same([stored.event for stored in log.read()], given, "events come back as they were")
    log.close()


def keeps_order(make: Callable[[], EventLog]) -> None:
    """Places only grow, and a batch keeps the order in which it arrived, whatever its times say."""
    log = make()
    given = [click(n) for n in (5, 3, 9, 1)]
    log.append(given[:2])
    log.append(given[2:])
    read = log.read()
    _same([stored.event for stored in read], given, "events come back in the order of arrival")
    places = [stored.seq for stored in read]
    _same(places, sorted(set(places)), "places grow strictly")
    _same(log.last_seq(), places[-1], "last_seq is the place of the newest event")
    _same([s.event for s in log.read(after_seq=places[1])], given[2:], "reading goes on behind a place")
    _same([s.event for s in log.read(after_seq=places[0], limit=2)], given[1:3], "a limit cuts from the front")
    _same(log.read(after_seq=places[-1]), [], "behind the end there is nothing")
    log.close()


def stores_once(make: Callable[[], EventLog]) -> None:
    """The same event again is a duplicate, within a batch and across batches, whenever it is received."""
    log = make()
    again = parse_event({"event": "interaction", "event_id": "e1", "user_id": "u1", "item_id": "i1", "type": "click",
                         "occurred_at": NOW - 1}, NOW + 60)  # fmt: skip
    _same(log.append([click(1), click(1)]), ["accepted", "duplicate"], "a repetition in a batch is a duplicate")
    _same(log.append([again, click(2)]), ["duplicate", "accepted"], "a repetition later is a duplicate")
    for _ in range(20):
        log.append([click(1), click(2)])
    _same(log.count(), 2, "each event is stored once")
    _same(log.read()[0].event.received_at, NOW, "the first receipt is kept")
    log.close()


def keeps_the_first_of_a_conflict(make: Callable[[], EventLog]) -> None:
    """Another body under a known id is a conflict; the first one stays."""
    log = make()
    _same(
        log.append([click(1), click(1, item_id="other")]),
        ["accepted", "conflict"],
        "another body is a conflict",
    )
    _same(log.append([click(1, value=3)]), ["conflict"], "another value is a conflict")
    _same([stored.event for stored in log.read()], [click(1)], "the first body stays")
    log.close()


def erases_a_user(make: Callable[[], EventLog]) -> None:
    """Everything of a user goes, nothing else does, and a redelivery does not bring it back."""
    log = make()
    gone = [click(1), shown(1), update("user", 1, "u1")]
    kept = [click(2, "u2"), shown(2, None), update("item", 1, "i1")]
    log.append([gone[0], kept[0], gone[1], kept[1], gone[2], kept[2]])
    last = log.last_seq()
    _same(log.erase_user("u1"), 3, "erase_user says how many events went")
    _same([stored.event for stored in log.read()], kept, "only the user's events go")
    _same((log.count(), log.last_seq()), (3, last), "the count falls, the last place stays")
    _same(log.append(gone), ["duplicate"] * 3, "erased events sent again are duplicates")
    _same(log.append([click(1, "u2", item_id="x")]), ["duplicate"], "an erased id is not used for another event")
    _same(log.count(), 3, "erased events stay forgotten")
    _same(log.erase_user("u1"), 0, "a second erasure finds nothing")
    _same(log.append([click(7)]), ["accepted"], "the user may come back with new events")
    _true(log.read()[-1].seq > last, "places are never given twice")
    log.close()


def refuses_bad_limits(make: Callable[[], EventLog]) -> None:
    """A limit out of range is the caller's error."""
    log = make()
    for limit in (0, -1, 100_001):
        _raises(BadRequest, partial(log.read, limit=limit), f"limit {limit} is refused")
    log.close()


def survives_many_threads(make: Callable[[], EventLog]) -> None:
    """Eight threads send overlapping batches: every event is accepted exactly once, and none is lost."""
    log = make()
    accepted: list[str] = []
    failures: list[BaseException] = []

    def send(first: int) -> None:
        try:
            for start in range(first, first + 40, 10):
                events = [click(n) for n in range(start, start + 20)]
                statuses = log.append(events)
                fresh = [e.event_id for e, status in zip(events, statuses, strict=True) if status == "accepted"]
                accepted.extend(fresh)
                log.read(limit=50)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=send, args=(start,)) for start in (0, 0, 20, 20, 40, 60, 80, 80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _same(failures, [], "no thread failed")
    _same(len(accepted), len(set(accepted)), "no event was accepted twice")
    _same({s.event.event_id for s in log.read()}, set(accepted), "the log holds exactly what was accepted")
    _same(sorted(set(accepted)), sorted(f"e{n}" for n in range(130)), "nothing was lost")
    log.close()


EVENT_LOG_CHECKS: tuple[Callable[[Callable[[], EventLog]], None], ...] = (
    starts_empty,
    keeps_every_kind_exactly,
    keeps_order,
    stores_once,
    keeps_the_first_of_a_conflict,
    erases_a_user,
    refuses_bad_limits,
    survives_many_threads,
)


def check_event_log(make: Callable[[], EventLog]) -> None:
    """Run every check of the event log.

    Args:
        make: gives a fresh, empty log at each call.

    Raises:
        AssertionError: names the broken promise.
    """
    for check in EVENT_LOG_CHECKS:
        check(make)


# --- ledger -----------------------------------------------------------------------------------------------------------


def decision(n: int, user_id: str | None = "u1") -> dict[str, Any]:
    """Decision number `n` with request id "r<n>"."""
    return {"request_id": f"r{n}", "user_id": user_id, "items": ["a", "b"], "scores": [0.5, None], "at": NOW + n}


def finds_decisions(make: Callable[[], Ledger]) -> None:
    """Decisions come back by request and by user, newest first, the first of an id staying."""
    ledger = make()
    _same((ledger.count(), ledger.get("r1"), ledger.recent()), (0, None, []), "a fresh ledger is empty")
    ledger.record()
    ledger.record(decision(1), decision(2, "u2"))
    ledger.record(decision(3), decision(4, None))
    _same(ledger.get("r2"), decision(2, "u2"), "a decision comes back by its request")
    _same(ledger.get("r9"), None, "an unknown request has no decision")
    _same(ledger.recent("u1"), [decision(3), decision(1)], "a user's decisions come newest first")
    _same([d["request_id"] for d in ledger.recent(limit=3)], ["r4", "r3", "r2"], "all users' likewise")
    ledger.record({**decision(1), "items": []})
    _same(ledger.get("r1"), decision(1), "the first decision of a request stays")
    _same(ledger.count(), 4, "each request is kept once")
    ledger.close()


def takes_numpy(make: Callable[[], Ledger]) -> None:
    """Numpy numbers and arrays are stored; what is not finite comes back as None."""
    import numpy as np

    ledger = make()
    columns = {"score": np.array([1.5, np.nan, np.inf]), "item": np.array([3, 4, 5])}
    ledger.record({"request_id": "r1", "columns": columns, "k": np.int32(3), "best": np.float64(1.5)})
    expected = {"request_id": "r1", "columns": {"score": [1.5, None, None], "item": [3, 4, 5]}, "k": 3, "best": 1.5}
    _same(ledger.get("r1"), expected, "numpy values come back as plain ones")
    ledger.close()


def refuses_unusable_decisions(make: Callable[[], Ledger]) -> None:
    """A decision without request id, or that is not JSON, is refused and nothing of the call is stored."""
    ledger = make()
    for bad in ({"user_id": "u"}, {"request_id": ""}, {"request_id": 3}, {"request_id": "r", "x": object()}):
        _raises(ShortlistError, partial(ledger.record, decision(1), bad), "an unusable decision is refused")
    _same(ledger.count(), 0, "nothing of a refused call is stored")
    ledger.close()


def erases_decisions(make: Callable[[], Ledger]) -> None:
    """A user's decisions go, the others stay."""
    ledger = make()
    ledger.record(decision(1), decision(2, "u2"), decision(3))
    _same(ledger.erase_user("u1"), 2, "erase_user says how many went")
    _same((ledger.get("r1"), ledger.recent()), (None, [decision(2, "u2")]), "only the user's decisions go")
    _same(ledger.erase_user("u1"), 0, "a second erasure finds nothing")
    ledger.close()


LEDGER_CHECKS: tuple[Callable[[Callable[[], Ledger]], None], ...] = (
    finds_decisions,
    takes_numpy,
    refuses_unusable_decisions,
    erases_decisions,
)


def check_ledger(make: Callable[[], Ledger]) -> None:
    """Run every check of the ledger.

    Args:
        make: gives a fresh, empty ledger at each call that keeps at least ten decisions.

    Raises:
        AssertionError: names the broken promise.
    """
    for check in LEDGER_CHECKS:
        check(make)


def check_bound(make: Callable[[int], Ledger]) -> None:
    """A ledger made for `n` decisions keeps the newest `n`, also after an erasure left gaps.

    Args:
        make: gives a fresh, empty ledger that keeps the given number of decisions.

    Raises:
        AssertionError: names the broken promise.
    """
    ledger = make(5)
    for n in range(12):
        ledger.record(decision(n, f"u{n % 2}"))
    _same([d["request_id"] for d in ledger.recent()], ["r11", "r10", "r9", "r8", "r7"], "the newest are kept")
    _same((ledger.count(), ledger.get("r6")), (5, None), "older ones are dropped")
    ledger.erase_user("u0")
    ledger.record(*(decision(n, "u1") for n in (20, 21, 22)))
    _same([d["request_id"] for d in ledger.recent()], ["r22", "r21", "r20", "r11", "r9"], "gaps do not count")
    ledger.close()


# --- feature store ----------------------------------------------------------------------------------------------------


def finds_values(make: Callable[[], FeatureStore]) -> None:
    """Values come back by key, in the order asked, whatever bytes they hold; spaces do not mix."""
    store = make()
    _same(store.get_many("a", ["x", "y"]), [None, None], "a fresh store has nothing")
    _same((store.get_many("a", []), store.seq("a"), store.count("a")), ([], 0, 0), "a fresh store counts nothing")
    every = bytes(range(256)) * 40
    store.put_many("a", {"x": every, "user:Grüße 😀:": b"1"}, 7)
    store.put_many("b", {"x": b"other"}, 3)
    _same(store.get_many("a", ["user:Grüße 😀:", "z", "x", "x"]), [b"1", None, every, every], "values come in order")
    _same(store.get_many("b", ["x", "user:Grüße 😀:"]), [b"other", None], "spaces do not mix")
    _same((store.seq("a"), store.seq("b"), store.seq("c")), (7, 3, 0), "each space has its place in the log")
    _same((store.count("a"), store.count("b"), store.count("c")), (2, 1, 0), "values are counted by space")
    store.close()


def replaces_and_removes_values(make: Callable[[], FeatureStore]) -> None:
    """A second value replaces the first; an empty one removes it; no values still move the place."""
    store = make()
    store.put_many("a", {"x": b"1", "y": b"2"}, 1)
    store.put_many("a", {"x": b"3", "y": b""}, 2)
    _same(store.get_many("a", ["x", "y"]), [b"3", None], "the latest value stands, an empty one is none")
    store.put_many("a", {}, 9)
    _same((store.count("a"), store.seq("a")), (1, 9), "the place moves without values")
    store.close()


def forgets_in_time(make: Callable[[], FeatureStore]) -> None:
    """A value with a time to live is gone after it; one written again lives on."""
    import time

    store = make()
    store.put_many("a", {"x": b"1", "y": b"2", "z": b"3"}, 1, ttl_s=0.05)
    store.put_many("a", {"y": b"4"}, 2)
    store.put_many("a", {"z": b"5"}, 3, ttl_s=60.0)
    time.sleep(0.12)
    _same(store.get_many("a", ["x", "y", "z"]), [None, b"4", b"5"], "a value is gone after its time, not before")
    _same(store.count("a"), 2, "what is gone is not counted")
    store.close()


def erases_keys(make: Callable[[], FeatureStore]) -> None:
    """A key is removed from every space; other keys and places stay."""
    store = make()
    store.put_many("a", {"user:u1": b"1", "user:u2": b"2"}, 4)
    store.put_many("b", {"user:u1": b"3", "item:u1": b"4"}, 5)
    _same(store.erase(["user:u1", "user:u9"]), 2, "erase says how many values went")
    _same(store.get_many("a", ["user:u1", "user:u2"]), [None, b"2"], "the key is gone from one space")
    _same(store.get_many("b", ["user:u1", "item:u1"]), [None, b"4"], "and from the other")
    _same((store.erase(["user:u1"]), store.erase([])), (0, 0), "a second erasure finds nothing")
    _same((store.seq("a"), store.seq("b")), (4, 5), "places stay")
    store.close()


def reads_many_at_once(make: Callable[[], FeatureStore]) -> None:
    """Two thousand keys in one call, and reads beside writes see whole values."""
    store = make()
    rows = {f"item:{n}": bytes([n % 256]) * (n % 700) for n in range(2_000)}
    store.put_many("a", rows, 1)
    keys = [f"item:{n}" for n in range(1_999, -1, -1)]
    _same(store.get_many("a", keys), [rows[key] or None for key in keys], "many keys come back at once")
    failures: list[Any] = []

    def write() -> None:
        for n in range(40):
            store.put_many("a", {"p": bytes([n]) * 5_000, "q": bytes([n]) * 5_000}, n)

    def look() -> None:
        for _ in range(40):
            found = [value for value in store.get_many("a", ["p", "q"]) if value is not None]
            failures.extend(value[:9] for value in found if len(value) != 5_000 or len(set(value)) != 1)

    threads = [threading.Thread(target=work) for work in (write, look, look, look)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _same(failures, [], "no reader sees half a value")
    store.close()


FEATURE_STORE_CHECKS: tuple[Callable[[Callable[[], FeatureStore]], None], ...] = (
    finds_values,
    replaces_and_removes_values,
    forgets_in_time,
    erases_keys,
    reads_many_at_once,
)


def check_feature_store(make: Callable[[], FeatureStore]) -> None:
    """Run every check of the feature store.

    Args:
        make: gives a fresh, empty store at each call.

    Raises:
        AssertionError: names the broken promise.
    """
    for check in FEATURE_STORE_CHECKS:
        check(make)


# --- private ----------------------------------------------------------------------------------------------------------


def _true(condition: bool, promise: str) -> None:
    if not condition:
        raise AssertionError(f"Broken: {promise}.")


def _same(got: Any, expected: Any, promise: str) -> None:
    if got != expected:
        raise AssertionError(f"Broken: {promise}. Expected {expected!r}, got {got!r}.")


def _raises(error: type[BaseException], call: Callable[[], Any], promise: str) -> None:
    try:
        call()
    except error:
        return
    raise AssertionError(f"Broken: {promise}. Nothing was raised.")
