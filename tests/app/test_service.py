from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from shortlist import bundles
from shortlist.app.clock import Clock
from shortlist.app.deploy import bundles as listed
from shortlist.app.deploy import follow, promote, rollback
from shortlist.app.ingest import ingest
from shortlist.app.questions import Question
from shortlist.app.recommend import recommend
from shortlist.app.service import Service
from shortlist.app.status import ready, surfaces
from shortlist.app.users import user
from shortlist.core.errors import BadSpec, BundleCorrupt, Conflict, NoBundle, StoreUnavailable, UnknownName
from shortlist.core.settings import read_settings


@pytest.fixture
def published(world, tmp_path):
    """Two bundles, the first of them current, and a service over them."""
    root = tmp_path / "home" / "bundles"
    data, models, specs = world.parts()
    first = bundles.publish(root, data=data, models=models, specs=specs, metrics={"ndcg@10": 0.5})
    second = bundles.publish(root, data=data, models=models, specs={"home": specs["home"]})
    bundles.promote(root, first.id)
    url = f"sqlite:{tmp_path}/state.db"
    service = Service.open(read_settings(home=tmp_path / "home", store={"default": url}))
    yield service, first.id, second.id
    service.close()


def test_opens_the_current_bundle(published):
    service, first, _ = published
    assert ready(service)["bundle"] == first
    assert recommend(service, Question(user_id="U0")).bundle == first
    assert ready(service)["surfaces"] == ["home", "similar"]
    stages = surfaces(service)["surfaces"][0]["stages"]
    assert {"kind": "source", "name": "knn"} in stages
    assert {"kind": "filter", "name": "seen"} in stages


def test_promotes_and_rolls_back_keeping_events(published, world):
    service, first, second = published
    ingest(service, [world.click(1, "fresh", "N1")])
    assert promote(service, second) == second
    assert recommend(service, Question(user_id="fresh")).bundle == second
    assert user(service, "fresh")["history"][0]["item_id"] == "N1"
    assert bundles.current(service.root).id == second
    assert rollback(service) == first
    assert user(service, "fresh")["history"][0]["item_id"] == "N1"
    rows = listed(service)
    assert {row["id"]: row["is_current"] for row in rows["bundles"]} == {first: True, second: False}
    assert rows["serving"] == first


def test_a_damaged_bundle_is_refused_and_the_old_one_serves(published):
    service, first, second = published
    path = next((service.root / second / "models" / "knn").glob("*.npz"))
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(raw)
    with pytest.raises(BundleCorrupt):
        promote(service, second)
    assert recommend(service, Question(user_id="U0")).bundle == first
    assert bundles.current(service.root).id == first


def test_follows_what_another_process_promotes(published, world):
    """`shortlist bundle promote` in another shell: the server looks, loads aside, then serves it."""
    service, first, second = published
    ingest(service, [world.click(1, "fresh", "N1")])
    assert follow(service) is None
    bundles.promote(service.root, second)
    assert recommend(service, Question(user_id="fresh")).bundle == first
    assert follow(service) == second
    assert recommend(service, Question(user_id="fresh")).bundle == second
    assert user(service, "fresh")["history"][0]["item_id"] == "N1"
    assert follow(service) is None


def test_follows_no_bundle_that_cannot_serve(published):
    service, first, second = published
    bundles.promote(service.root, second)
    path = next((service.root / second / "models" / "knn").glob("*.npz"))
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(BundleCorrupt):
        follow(service)
    assert recommend(service, Question(user_id="U0")).bundle == first
    assert follow(service, refused=second) is None, "it is not tried again"


def test_unknown_bundles_and_nothing_to_roll_back_to(published):
    service, _, _ = published
    with pytest.raises(UnknownName):
        promote(service, "20200101T000000-aaaaaa")
    with pytest.raises(Conflict):
        rollback(service)


def test_a_pointer_that_cannot_move_leaves_the_old_state(published, monkeypatch):
    service, first, second = published

    def fail(*_):
        raise StoreUnavailable("read-only")

    monkeypatch.setattr(bundles, "promote", fail)
    with pytest.raises(StoreUnavailable):
        promote(service, second)
    assert recommend(service, Question(user_id="U0")).bundle == first


def test_a_bundle_that_cannot_be_built_is_refused(service, world):
    data, models, specs = world.parts()
    with pytest.raises(BadSpec, match="knn"):
        service.swap_parts("bad", data, {}, specs, 0.0)
    assert recommend(service, Question(user_id="U0")).bundle == "b1"
    assert models


def test_no_bundle_yet(tmp_path):
    settings = read_settings(home=tmp_path, store={"default": f"sqlite:{tmp_path}/s.db"})
    service = Service.open(settings)
    with pytest.raises(NoBundle):
        ready(service)
    assert service.bundle_id is None
    service.close()


def test_swaps_under_load_fail_nobody_and_mix_nothing(world):
    service = world.service("b0")
    data, models, specs = world.parts()
    small = world.parts(world.dataset(n_items=20))
    stop, failures, answers = threading.Event(), [], []

    def ask(number):
        n = 0
        while not stop.is_set():
            n += 1
            try:
                slate = recommend(service, Question(user_id=f"U{(n + number) % 12}", k=30, explain=True))
                most, left = (20, 15) if int(slate.bundle[1:]) % 2 else (30, 24)
                answers.append(slate.bundle)
                if any(int(pick.item_id[1:]) >= most for pick in slate.items) or len(slate.items) != left:
                    failures.append(slate)
                if n % 5 == 0:
                    ingest(service, [world.click(f"{number}-{n}", f"visitor{number}", "N2")])
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for n in range(1, 21):
        service.swap_parts(f"b{n}", *(small if n % 2 else (data, models, specs)), service.wall())
        time.sleep(0.02)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(set(answers)) > 10
    total = sum(len(user(service, f"visitor{number}")["history"]) > 0 for number in range(3))
    assert total == 3
    assert sum(service.state.n_events) - len(data.interactions) == service.log.count()
    service.close()


def test_two_changes_at_once_conflict(service, world):
    inside, leave = threading.Event(), threading.Event()

    def slow():
        inside.set()
        leave.wait(5)

    thread = threading.Thread(
        target=lambda: service.swap_parts("slow", *world.parts(), service.wall(), before=slow), daemon=True
    )
    thread.start()
    assert inside.wait(20)
    with pytest.raises(Conflict):
        service.swap_parts("second", *world.parts(), service.wall())
    leave.set()
    thread.join()
    assert service.state.bundle == "slow"


def test_the_clock_continues_old_data():
    old = Clock(1000.0, 1_700_000_000.0, wall=lambda: 1_700_000_005.0)
    assert old.continues
    assert old.now() == 1000.0 + 3600.0 + 5.0
    assert old.of(500.0) == 500.0
    assert old.to_wall(4605.0) == 1_700_000_005.0
    assert old.to_wall(900.0) == 900.0


def test_the_clock_of_fresh_data_is_the_wall():
    fresh = Clock(1_699_999_000.0, 1_700_000_000.0, wall=lambda: 1_700_000_005.0)
    assert not fresh.continues
    assert fresh.now() == 1_700_000_005.0


def test_the_clock_of_mere_order_has_no_dates():
    order = Clock(41.0, 1_700_000_000.0, has_dates=False, wall=lambda: 1_700_000_001.0)
    assert order.now() == 41.0 + 3600.0 + 1.0
    assert order.to_wall(40.0) is None


@pytest.mark.parametrize(("end", "has_dates"), [(1_500_000_000.0, True), (5_000.0, False)])
def test_the_clock_keeps_the_order_of_all_times(end, has_dates):
    clock = Clock(end, 1_700_000_000.0, has_dates=has_dates)
    walls = [1_500_000_001.0, 1_550_000_000.0, 1_550_000_001.0, 1_699_999_999.0, 1_700_000_000.0, 1_700_000_001.0]
    times = [clock.of(wall) for wall in walls]
    assert (np.diff([end, *times]) > 0).all()
    assert [clock.to_wall(at) for at in times] == pytest.approx(walls, abs=10.0)


def test_a_question_stands_after_every_event_even_if_the_wall_steps_back():
    times = iter([100.0, 50.0])
    clock = Clock(90.0, 95.0, wall=lambda: next(times))
    clock.saw(clock.now())
    assert clock.now() > 100.0


def test_swapping_does_not_lose_events_logged_meanwhile(world):
    service = world.service()
    parts = world.parts()
    ingest(service, [world.click(1, "fresh", "N1")])
    service.swap_parts("next", *parts, service.wall(), before=lambda: ingest(service, [world.click(2, "fresh", "N3")]))
    assert [row["item_id"] for row in user(service, "fresh")["history"]] == ["N3", "N1"]
    assert np.isfinite(service.state.clock.now())
    service.close()
