"""Stores by URL: what is not understood is refused with what would be."""

import pytest

from shortlist.core.errors import BadConfig, StoreUnavailable, UnknownName
from shortlist.core.registry import Row, table
from shortlist.stores import EventLog, Ledger, open_store
from shortlist.stores.sqlite_event_log import SqliteEventLog


def test_schemes_give_their_stores(tmp_path):
    assert isinstance(open_store("event_log", "memory:"), EventLog)
    assert isinstance(open_store("ledger", "memory:"), Ledger)
    log = open_store("events", f"sqlite:{tmp_path}/new/state.db")
    ledger = open_store("ledger", f"sqlite:{tmp_path}/new/state.db?max_rows=3")
    assert isinstance(log, SqliteEventLog)
    assert (tmp_path / "new" / "state.db").exists()
    assert (log.count(), ledger.count()) == (0, 0)
    log.close()
    ledger.close()


@pytest.mark.parametrize("url", ["sqlight:x.db", "sqlite", "", "x.db", "postgres://localhost"])
def test_unknown_schemes_name_the_known(url):
    with pytest.raises(UnknownName, match="sqlite"):
        open_store("event_log", url)


def test_a_kind_that_does_not_exist():
    with pytest.raises(UnknownName, match="ledger"):
        open_store("leger", "memory:")


def test_a_scheme_that_cannot_serve_the_kind_lists_those_that_can(monkeypatch):
    with_kafka = {**table(), ("event_log", "kafka"): Row("event_log", "kafka", "nowhere:X", "a test")}
    monkeypatch.setattr("shortlist.core.registry.table", lambda: with_kafka)
    with pytest.raises(BadConfig, match=r"cannot serve the ledger.*memory:, sqlite:"):
        open_store("ledger", "kafka://x")


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("event_log", "memory:x"),
        ("ledger", "memory:x"),
        ("event_log", "memory:?max_rows=3"),
        ("event_log", "sqlite:"),
        ("event_log", "sqlite::memory:"),
        ("event_log", "sqlite:///x.db"),
        ("event_log", "sqlite:x.db?max_rows=3"),
        ("ledger", "sqlite:x.db?maxrows=3"),
        ("ledger", "memory:?max_rows=0"),
        ("ledger", "memory:?max_rows=-1"),
        ("ledger", "memory:?max_rows=five"),
        ("ledger", "memory:?max_rows=" + "9" * 5000),
        ("ledger", "memory:?max_rows="),
    ],
)
def test_places_and_options_that_make_no_sense(kind, url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadConfig):
        open_store(kind, url)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable, match="folder"):
        open_store("event_log", f"sqlite:{tmp_path}/file/state.db")
