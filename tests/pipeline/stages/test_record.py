"""The decision record."""

import json

import numpy as np
import pytest

from shortlist.core.types import Requests
from shortlist.pipeline.build import build, offline_world


class Book(list):
    def record(self, *decisions):
        self.extend(decisions)


@pytest.fixture
def asked():
    ids = np.array(["r1", "", "r3"], object)
    return Requests.of([0, 1, -1], now=2e9, k=3).with_columns(
        {"request_id": ids, "user_id": np.array(["u0", "u1", ""], object)}
    )


def test_what_was_shown_is_written_with_everything_that_decided(shop, plain, asked):
    book = Book()
    spec = plain(effect=[{"use": "record"}], hydrator=[{"use": "item_counts"}])
    runner = build(spec, offline_world(shop, ledger=book))
    slates = runner.run(asked, effects=True)
    assert [record["request_id"] for record in book] == ["r1", "r3"]
    first = book[0]
    assert first["items"] == shop.items.decode(slates.items(0))
    assert first["scores"] == slates.candidates.one(0).cols["score"].tolist()
    assert first["propensities"] == [1.0, 1.0, 1.0]
    assert first["sources"] == [["popular"]] * 3
    assert first["spec_hash"] == spec.hash
    assert first["user_id"] == "u0"
    assert set(first["columns"]) >= {"item_events", "score.popular"}
    assert [stage["stage"] for stage in first["stages"]][:2] == ["history", "popular"]
    json.dumps(book)


def test_without_a_ledger_or_an_id_nothing_is_written(shop, plain, asked):
    spec = plain(effect=[{"use": "record"}])
    build(spec, offline_world(shop)).run(asked, effects=True)
    book = Book()
    build(spec, offline_world(shop, ledger=book)).run(Requests.of([0], now=2e9), effects=True)
    assert book == []
