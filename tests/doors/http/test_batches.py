"""Requests that wait for each other: what they promise is what single ones promise."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from shortlist.core.errors import BadRequest, DeadlineExceeded, Overloaded
from shortlist.doors.http.batches import Batches
from shortlist.doors.http.limits import Limits


class Work:
    """Doubles numbers, holds on the first call until told, and keeps what it was given."""

    def __init__(self, hold: bool = False) -> None:
        self.seen: list[list[int]] = []
        self.go = threading.Event()
        self.begun = threading.Event()
        if not hold:
            self.go.set()

    def __call__(self, numbers):
        self.seen.append(list(numbers))
        self.begun.set()
        self.go.wait(10)
        return [BadRequest("odd") if n % 2 else n * 2 for n in numbers]


def made(work, *, most=4, wait_s=0.0, queue=64, deadline_s=5.0):
    limits = Limits(threads=1, queue=queue, deadline_s=deadline_s)
    return Batches(limits, work, most=most, wait_s=wait_s), limits


def test_what_arrives_while_one_is_answered_goes_together():
    work = Work(hold=True)

    async def main():
        batches, limits = made(work)
        first = asyncio.create_task(batches.ask(0))
        await asyncio.to_thread(work.begun.wait, 10)
        rest = [asyncio.create_task(batches.ask(n)) for n in (2, 4, 5, 6, 8, 10)]
        await asyncio.sleep(0.02)
        assert batches.inside == 7
        work.go.set()
        found = await asyncio.gather(first, *rest, return_exceptions=True)
        limits.close()
        return found, batches

    found, batches = asyncio.run(main())
    assert work.seen == [[0], [2, 4, 5, 6], [8, 10]]
    assert [one for one in found if isinstance(one, int)] == [0, 4, 8, 12, 16, 20]
    assert isinstance(found[3], BadRequest), "the error of one is nobody else's"
    assert (batches.inside, batches.batches) == (0, 3)


def test_the_first_waits_for_company_but_not_for_long():
    work = Work()

    async def main():
        batches, limits = made(work, most=3, wait_s=0.15)
        began = time.monotonic()
        alone = await batches.ask(2)
        waited = time.monotonic() - began
        began = time.monotonic()
        full = await asyncio.gather(*(batches.ask(n) for n in (4, 6, 8)))
        filled = time.monotonic() - began
        limits.close()
        return alone, waited, full, filled

    alone, waited, full, filled = asyncio.run(main())
    assert (alone, full) == (4, [8, 12, 16])
    assert waited >= 0.15
    assert filled < 0.15, "a full batch waits for nobody"
    assert work.seen == [[2], [4, 6, 8]]


def test_deadlines_hold_and_what_is_late_is_not_begun():
    work = Work(hold=True)

    async def main():
        batches, limits = made(work, deadline_s=0.1)
        first = asyncio.create_task(batches.ask(0))
        await asyncio.to_thread(work.begun.wait, 10)
        found = await asyncio.gather(first, batches.ask(2), return_exceptions=True)
        inside = batches.inside
        work.go.set()
        limits.close()
        return found, inside

    found, inside = asyncio.run(main())
    assert [type(one) for one in found] == [DeadlineExceeded, DeadlineExceeded]
    assert inside == 0
    assert work.seen == [[0]]


def test_a_full_queue_refuses_at_once():
    work = Work(hold=True)

    async def main():
        batches, limits = made(work, most=2, queue=1)
        tasks = [asyncio.create_task(batches.ask(n)) for n in (0, 2, 4)]
        await asyncio.to_thread(work.begun.wait, 10)
        with pytest.raises(Overloaded):
            await batches.ask(6)
        work.go.set()
        found = await asyncio.gather(*tasks)
        limits.close()
        return found

    assert asyncio.run(main()) == [0, 4, 8]


def test_work_that_breaks_down_tells_everybody_of_its_batch():
    def work(numbers):
        raise RuntimeError("broken")

    async def main():
        batches, limits = made(work)
        found = await asyncio.gather(batches.ask(0), batches.ask(2), return_exceptions=True)
        again = await asyncio.gather(batches.ask(4), return_exceptions=True)
        limits.close()
        return found + again

    assert [type(one) for one in asyncio.run(main())] == [RuntimeError] * 3


def test_the_server_gives_the_lists_that_it_gives_without(make, service, monkeypatch):
    now = service.state.clock.now()
    monkeypatch.setattr(type(service.state.clock), "now", lambda self: now)
    calls = [("POST", "/v1/recommend", {"json": {"user_id": f"U{u}", "k": 5}}) for u in range(12)]
    calls += [("POST", "/v1/recommend", {"json": {"user_id": "U1", "k": 5, "filter": "colour == 1"}})]
    calls += [("GET", "/v1/recommend/U2?k=3", {})]
    calls += [("POST", "/v1/rank", {"json": {"user_id": "U3", "items": ["N1", "N2", "nobody"]}})]
    plain, batched = make(), make(batch=8, batch_wait_ms=20.0)
    answers = [client.many(calls) for client in (plain, batched)]
    for one, other in zip(*answers, strict=True):
        assert one.status_code == other.status_code
        assert one.json().get("items") == other.json().get("items")
        assert one.json().get("unscored") == other.json().get("unscored")
    assert answers[1][12].status_code == 422
    assert plain.app.state.door.batches is None
    assert batched.app.state.door.batches.batches < len(calls)
    text = batched.get("/metrics").text
    assert "shortlist_slates_total" in text
