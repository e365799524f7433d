"""Promote, roll back, list: one pointer, moved whole or not at all."""

import shutil
import threading

import pytest

from shortlist import bundles
from shortlist.bundles.active import read_history
from shortlist.bundles.lock import only_one
from shortlist.core.errors import BadRequest, BundleCorrupt, Conflict, NoBundle, StoreUnavailable


@pytest.fixture
def three(root, parts):
    return [bundles.publish(root, **{**parts, "seed": n}) for n in range(3)]


def test_nothing_is_current_before_the_first_promotion(root, parts):
    assert bundles.current(root) is None
    assert bundles.list_bundles(root) == []
    with pytest.raises(NoBundle, match="shortlist"):
        bundles.load_current(root)
    with pytest.raises(NoBundle):
        bundles.rollback(root)
    bundles.publish(root, **parts)
    assert bundles.current(root) is None
    with pytest.raises(NoBundle):
        bundles.rollback(root)


def test_promote_and_roll_back(root, three):
    a, b, c = three
    for ref in three:
        assert bundles.promote(root, ref.id) == ref
    assert bundles.promote(root, c.id) == c  # again: nothing changes
    assert bundles.current(root) == c
    assert bundles.load_current(root).manifest.seed == 2
    assert bundles.rollback(root) == b
    assert bundles.current(root) == b
    assert bundles.rollback(root) == a
    with pytest.raises(NoBundle):
        bundles.rollback(root)
    assert bundles.current(root) == a
    bundles.promote(root, c.id)
    assert bundles.rollback(root) == a
    assert [(line["action"], line["id"], line["previous"]) for line in read_history(root)] == [
        ("promote", a.id, None), ("promote", b.id, a.id), ("promote", c.id, b.id), ("rollback", b.id, c.id),
        ("rollback", a.id, b.id), ("promote", c.id, a.id), ("rollback", a.id, c.id),
    ]  # fmt: skip


def test_rolling_back_passes_over_what_cannot_serve(root, three):
    a, b, c = three
    for ref in three:
        bundles.promote(root, ref.id)
    (b.path / "data" / "events.npz").write_bytes(b"gone bad")
    assert bundles.rollback(root) == a
    bundles.promote(root, c.id)
    shutil.rmtree(a.path)
    with pytest.raises(NoBundle):
        bundles.rollback(root)
    assert bundles.current(root) == c


def test_the_list_is_newest_first_and_shows_problems(root, three):
    a, b, c = three
    bundles.promote(root, b.id)
    (a.path / "manifest.json").write_text("{}")
    (root / "notes.txt").write_text("not a bundle")
    (root / "20200101T000000-zzzzzz").mkdir()
    listed = bundles.list_bundles(root)
    assert {info.id for info in listed} == {a.id, b.id, c.id}
    assert [info.id for info in listed] == sorted([a.id, b.id, c.id], reverse=True)
    assert [info.id for info in listed if info.is_current] == [b.id]
    assert [info.id for info in listed if info.problem] == [a.id]
    row = next(row for row in bundles.summaries(root) if row["id"] == b.id)
    assert (row["current"], row["data"], row["models"]) == (True, "small-0", ["main", "popular"])
    assert bundles.manifest(root, c.id)["seed"] == 2


@pytest.mark.parametrize(
    "bad",
    ["", "..", "../x", "/etc", "current", "x", "20261122T120301-0A1B2C", "20261122T120301-0a1b2c/..", "%2e%2e%2f",
     "20261122T120301-0a1b2c\n", "..\\x", "２0261122T120301-0a1b2c", None, 3],
)  # fmt: skip
def test_ids_of_another_form_never_touch_the_disk(root, three, bad):
    for call in (bundles.promote, bundles.path_of, bundles.manifest):
        with pytest.raises(BadRequest) as caught:
            call(root, bad)
        assert caught.value.field == "bundle"
    assert bundles.current(root) is None


def test_a_bundle_that_does_not_exist(root, three):
    with pytest.raises(NoBundle, match=max(ref.id for ref in three)):
        bundles.promote(root, "20200101T000000-000000")


def test_a_link_is_no_bundle(root, three, tmp_path):
    (root / "20200101T000000-000000").symlink_to(three[0].path)
    with pytest.raises(NoBundle):
        bundles.promote(root, "20200101T000000-000000")
    assert len(bundles.list_bundles(root)) == 3


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"id": "../x", "previous": []}', '{"id": 3, "previous": 4}', "\xff"]
)
def test_a_damaged_pointer_is_reported(root, three, content):
    bundles.promote(root, three[0].id)
    (root / "current").write_text(content, encoding="latin-1")
    with pytest.raises(BundleCorrupt, match="current"):
        bundles.current(root)
    with pytest.raises(BundleCorrupt):
        bundles.promote(root, three[1].id)


def test_two_promotions_at_once(root, three):
    with only_one(root), pytest.raises(Conflict, match="under way"):
        bundles.promote(root, three[0].id)
    assert bundles.current(root) is None

    outcomes: list[str] = []

    def promote(ref):
        for _ in range(10):
            try:
                outcomes.append(bundles.promote(root, ref.id).id)
            except Conflict:
                outcomes.append("refused")
            assert bundles.current(root) is None or bundles.current(root) in three

    threads = [threading.Thread(target=promote, args=(ref,)) for ref in three]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 30
    assert bundles.current(root).id in outcomes


def test_a_pointer_that_cannot_be_written(root, three, monkeypatch):
    import os

    bundles.promote(root, three[0].id)

    def broken(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(StoreUnavailable):
        bundles.promote(root, three[1].id)
    monkeypatch.undo()
    assert bundles.current(root) == three[0]
    assert not list(root.glob("*.part"))
