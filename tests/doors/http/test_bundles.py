"""Promotion and rollback over HTTP: the right ones happen, the wrong ones change nothing."""

from __future__ import annotations

import pytest

from shortlist import bundles
from shortlist.app.service import Service
from shortlist.core.settings import read_settings
from shortlist.doors.http import shapes


@pytest.fixture
def published(world, tmp_path, make):
    """(client, service, first, second) with the first bundle current."""
    root = tmp_path / "bundles"
    data, models, specs = world.parts()
    first = bundles.publish(root, data=data, models=models, specs=specs, metrics={"ndcg@10": 0.5}).id
    second = bundles.publish(root, data=data, models=models, specs=specs).id
    bundles.promote(root, first)
    service = Service.open(read_settings(home=tmp_path, store={"default": f"sqlite:{tmp_path}/state.db"}))
    yield make(service), service, first, second
    service.close()


def serving(client):
    return client.get("/health/ready").json()["bundle"]


def test_list_promote_roll_back(published):
    client, _, first, second = published
    told = client.get("/v1/bundles").json()
    shapes.BundlesOut.model_validate(told)
    assert {one["id"] for one in told["bundles"]} == {first, second}
    assert told["serving"] == first
    assert client.post("/v1/bundles/promote", json={"bundle": second}).json() == {"bundle": second}
    assert serving(client) == second
    assert client.post("/v1/bundles/rollback", json={}).json() == {"bundle": first}
    assert serving(client) == first


def test_a_damaged_bundle_is_409_and_the_old_one_serves(published):
    client, service, first, second = published
    path = service.root / second / "data" / "items.parquet"
    path = path if path.exists() else next((service.root / second / "data").iterdir())
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    answer = client.post("/v1/bundles/promote", json={"bundle": second})
    assert answer.status_code == 409
    assert answer.json()["code"] == "bundle_corrupt"
    assert str(service.root) not in answer.text
    assert serving(client) == first
    assert client.post("/v1/recommend", json={"user_id": "U0"}).json()["bundle"] == first


NAMES = [
    "../x",
    "..\\x",
    "%2e%2e%2f",
    "....//",
    "/etc/passwd",
    "C:\\x",
    "~",
    "file:///etc/passwd",
    "x" * 300,
    "",
    "CON",
    "a b",
    "a\x00",
    "current",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_are_no_bundle_ids(published, name):
    client, _, first, _ = published
    answer = client.post("/v1/bundles/promote", json={"bundle": name})
    assert answer.status_code == 422
    assert answer.json()["field"] == "bundle"
    assert serving(client) == first


def test_unknown_and_earlier_bundles(published):
    client, _, first, _ = published
    assert client.post("/v1/bundles/promote", json={"bundle": "20200101T000000-abcdef"}).status_code == 404
    assert client.post("/v1/bundles/rollback", json={}).status_code == 409
    assert serving(client) == first


def test_a_form_post_from_a_web_page_cannot_promote(published):
    client, _, first, _ = published
    for headers in ({}, {"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"}):
        assert client.post("/v1/bundles/rollback", content=b"{}", headers=headers).status_code == 415
    assert serving(client) == first
