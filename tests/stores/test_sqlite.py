"""What the file promises: acknowledged means on disk, whole batches or none, damage is loud."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from shortlist.core.errors import StoreTimeout, StoreUnavailable, VersionTooNew
from shortlist.stores import sqlite, sqlite_event_log
from shortlist.stores.open import open_store
from shortlist.stores.sqlite_event_log import SqliteEventLog
from shortlist.stores.sqlite_ledger import SqliteLedger
from shortlist.testing.stores import click, decision

# Sends batches of seven for ever; a batch's number is printed only after it was acknowledged.
WRITER = """
import sys
from shortlist.stores.sqlite_event_log import SqliteEventLog
from shortlist.testing.stores import click
path, prefix = sys.argv[1:3]
log = SqliteEventLog(path)
batch = 0
while True:
    events = [click(batch * 7 + i, event_id=f"{prefix}-{batch}-{i}") for i in range(7)]
    assert log.append(events) == ["accepted"] * 7
    sys.stdout.write(f"{batch}\\n")
    sys.stdout.flush()
    batch += 1
"""


def start_writer(path, prefix: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), prefix], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def acknowledged(process: subprocess.Popen) -> int:
    out, _ = process.communicate(timeout=30)
    return len(out.splitlines())


def batches_in(path, prefix: str) -> dict[int, int]:
    log = SqliteEventLog(path)
    found: dict[int, int] = {}
    seq = 0
    while rows := log.read(seq, 10_000):
        seq = rows[-1].seq
        for row in rows:
            name, batch, _ = row.event.event_id.split("-")
            if name == prefix:
                found[int(batch)] = found.get(int(batch), 0) + 1
    log.close()
    return found


@pytest.mark.parametrize("round_", range(3))
def test_sigkill_loses_no_acknowledged_batch_and_halves_none(tmp_path, round_):
    path = tmp_path / "state.db"
    done = {}
    for life in range(3):
        process = start_writer(path, f"life{life}")
        process.stdout.readline()  # at least one batch is in, so the kill falls among later ones
        time.sleep(0.05 + 0.037 * life + 0.011 * round_)
        os.kill(process.pid, signal.SIGKILL)
        done[f"life{life}"] = 1 + acknowledged(process)
        started = time.monotonic()
        SqliteEventLog(path).close()
        assert time.monotonic() - started < 5
    for prefix, acked in done.items():
        found = batches_in(path, prefix)
        assert set(found) >= set(range(acked)), "an acknowledged batch is lost"
        assert set(found.values()) == {7}, "a batch is half there"
        # One batch at most was stored and not yet acknowledged when the process died.
        assert len(found) <= acked + 1


def test_two_processes_write_one_file(tmp_path):
    path = tmp_path / "state.db"
    writers = [start_writer(path, prefix) for prefix in ("left", "right")]
    for writer in writers:
        assert writer.stdout.readline(), writer.stderr.read()
    time.sleep(0.3)
    for writer in writers:
        writer.kill()
    for writer, prefix in zip(writers, ("left", "right"), strict=True):
        acked = 1 + acknowledged(writer)
        found = batches_in(path, prefix)
        assert set(found) >= set(range(acked))
        assert set(found.values()) == {7}


OPENER = """
import sys, time
from shortlist.stores.sqlite_event_log import SqliteEventLog
time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
SqliteEventLog(sys.argv[1]).close()
"""


def test_many_processes_may_open_a_new_file_at_the_same_moment(tmp_path):
    """The first switch to write-ahead logging does not honour the busy timeout by itself."""
    for attempt in range(3):
        args = [sys.executable, "-c", OPENER, str(tmp_path / f"{attempt}.db"), str(time.time() + 1.5)]
        openers = [subprocess.Popen(args, stderr=subprocess.PIPE, text=True) for _ in range(4)]
        failures = [text for opener in openers if (text := opener.communicate(timeout=30)[1])]
        assert not failures, failures[0][-500:]


def test_a_reopened_file_goes_on(tmp_path):
    log = SqliteEventLog(tmp_path / "state.db")
    log.append([click(1), click(2)])
    last = log.last_seq()
    log.close()
    log.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        log.read()
    log = SqliteEventLog(tmp_path / "state.db")
    assert [s.event for s in log.read()] == [click(1), click(2)]
    assert log.append([click(2), click(3)]) == ["duplicate", "accepted"]
    assert log.last_seq() > last
    log.close()


def test_the_log_waits_for_the_disk_and_the_ledger_does_not(tmp_path):
    log, ledger = SqliteEventLog(tmp_path / "state.db"), SqliteLedger(tmp_path / "state.db")
    for store, level in ((log, 2), (ledger, 1)):
        with store._file.writing() as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    log.close()
    ledger.close()


def test_a_failure_inside_a_batch_stores_nothing_of_it(tmp_path, monkeypatch):
    log = SqliteEventLog(tmp_path / "state.db")
    good, bad = click(1), click(2)
    rows = sqlite_event_log._row
    monkeypatch.setattr(
        sqlite_event_log, "_row", lambda event: rows(event) if event == good else (None, *rows(event)[1:])
    )
    with pytest.raises(StoreUnavailable):
        log.append([good, bad])
    monkeypatch.undo()
    assert log.count() == log.last_seq() == 0
    assert log.append([click(1)]) == ["accepted"]
    log.close()


def test_a_full_disk_refuses_the_batch_and_recovers(tmp_path):
    log = SqliteEventLog(tmp_path / "state.db")
    log.append([click(1)])
    pages = log._file._writer.execute("PRAGMA page_count").fetchone()[0]
    log._file._writer.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreUnavailable, match="full"):
        log.append([click(n) for n in range(2, 500)])
    assert [s.event for s in log.read()] == [click(1)]
    log._file._writer.execute("PRAGMA max_page_count=1000000")
    assert set(log.append([click(n) for n in range(2, 500)])) == {"accepted"}
    log.close()


def test_a_newer_file_is_refused_untouched(tmp_path):
    SqliteEventLog(tmp_path / "state.db").close()
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    connection.close()
    with pytest.raises(VersionTooNew, match="99"):
        SqliteEventLog(tmp_path / "state.db")
    SqliteLedger(tmp_path / "state.db").close()  # its own tables are not newer


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "state.db").write_bytes(b"not a database, " * 1000)
    with pytest.raises(StoreUnavailable, match="damaged"):
        SqliteEventLog(tmp_path / "state.db")


def test_a_changed_row_is_not_served(tmp_path):
    log = SqliteEventLog(tmp_path / "state.db")
    log.append([click(n) for n in range(5)])
    log.close()
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("UPDATE events SET body = CAST(replace(body, 'i3', 'i4') AS BLOB) WHERE seq = 4")
    connection.close()
    log = SqliteEventLog(tmp_path / "state.db")
    assert len(log.read(limit=3)) == 3
    with pytest.raises(StoreUnavailable, match="Event 4"):
        log.read()
    log.close()


def test_a_writer_that_holds_the_file_is_waited_for_then_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.2)
    log = SqliteEventLog(tmp_path / "state.db")
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreTimeout):
        log.append([click(1)])
    assert log.read() == []  # readers do not wait
    other.execute("ROLLBACK")
    other.close()
    assert log.append([click(1)]) == ["accepted"]
    log.close()


def test_erased_bytes_are_gone_from_the_files(tmp_path):
    log = SqliteEventLog(tmp_path / "state.db")
    ledger = SqliteLedger(tmp_path / "state.db")
    log.append([click(n, "somebody-unusual") for n in range(300)] + [click(1000, "other")])
    ledger.record(*(decision(n, "somebody-unusual") for n in range(300)))
    assert (log.erase_user("somebody-unusual"), ledger.erase_user("somebody-unusual")) == (300, 300)
    for file in tmp_path.iterdir():
        assert b"somebody-unusual" not in file.read_bytes(), file.name
    log.close()
    ledger.close()


def test_a_forked_child_opens_its_own_connections(tmp_path):
    log = SqliteEventLog(tmp_path / "state.db")
    log.append([click(1)])
    code = (
        "import os, sys\n"
        "from shortlist.stores.sqlite_event_log import SqliteEventLog\n"
        "from shortlist.testing.stores import click\n"
        "log = SqliteEventLog(sys.argv[1])\n"
        "log.append([click(2)])\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    log.append([click(3)])\n"
        "    os._exit(0)\n"
        "_, status = os.waitpid(child, 0)\n"
        "log.append([click(4)])\n"
        "sys.exit(status)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "state.db")], check=True, timeout=30)
    assert [s.event for s in log.read()] == [click(n) for n in (1, 2, 3, 4)]
    log.close()


def test_many_openers_at_once(tmp_path):
    failures = []

    def opening() -> None:
        try:
            log = open_store("event_log", f"sqlite:{tmp_path}/state.db")
            log.append([click(1)])
            log.close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=opening) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    log = SqliteEventLog(tmp_path / "state.db")
    assert log.count() == 1
    log.close()
