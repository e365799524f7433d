"""The embedded event log: one transaction and one fsync per batch, idempotent by event id.

Every row keeps a hash of its id, so that an event is stored once however often it is sent, and a hash of its content,
so that a repetition can be told from a contradiction. A checksum per row catches damage that SQLite itself does not
look for. Erasing a user keeps the hashed ids alone: a late redelivery must not bring the person back.

Cost: about 300 bytes per interaction on disk; one fsync per `append`, whatever its size.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from shortlist.core.errors import StoreUnavailable
from shortlist.stores.base import Status, Stored, check_limit
from shortlist.stores.events import Event, event_from_json
from shortlist.stores.sqlite import SqliteFile
from shortlist.stores.urls import file_path, whole_numbers

VERSION = 1
SCHEMA = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL UNIQUE,
    digest BLOB,
    kind TEXT,
    user_id TEXT,
    body BLOB,
    checksum INTEGER
);
CREATE INDEX events_user ON events (user_id) WHERE user_id IS NOT NULL
"""


class SqliteEventLog:
    """An event log in a file.

    Args:
        path: the file; other kinds of store may share it.

    Raises:
        StoreUnavailable: the file cannot be opened.
        VersionTooNew: a newer release wrote it.
    """

    def __init__(self, path: str | Path) -> None:
        self._file = SqliteFile(Path(path), kind="event_log", version=VERSION, schema=SCHEMA, sync="FULL")

    @classmethod
    def from_url(cls, place: str, options: Mapping[str, str]) -> Self:
        """From `sqlite:folder/state.db`.

        Raises:
            BadConfig: a path or option that this store does not take.
        """
        whole_numbers(options)
        return cls(file_path(place))

    def append(self, events: Sequence[Event]) -> list[Status]:
        """See `EventLog.append`."""
        rows = [_row(event) for event in events]
        if not rows:
            return []
        out: list[Status] = []
        with self._file.writing() as connection:
            for row in rows:
                done = connection.execute(
                    "INSERT INTO events (key, digest, kind, user_id, body, checksum) VALUES (?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (key) DO NOTHING",
                    row,
                )
                if done.rowcount:
                    out.append("accepted")
                    continue
                (known,) = connection.execute("SELECT digest FROM events WHERE key = ?", row[:1]).fetchone()
                out.append("duplicate" if known is None or known == row[1] else "conflict")
        return out

    def read(self, after_seq: int = 0, limit: int = 10_000) -> list[Stored]:
        """See `EventLog.read`.

        Raises:
            StoreUnavailable: a row differs from its checksum; it is named by its place.
        """
        check_limit(limit)
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT seq, kind, body, checksum FROM events WHERE seq > ? AND body IS NOT NULL ORDER BY seq LIMIT ?",
                (after_seq, limit),
            ).fetchall()
        return [Stored(seq, _event(seq, kind, body, checksum)) for seq, kind, body, checksum in rows]

    def last_seq(self) -> int:
        """See `EventLog.last_seq`."""
        with self._file.reading() as connection:
            row = connection.execute("SELECT max(seq) FROM events").fetchone()
        return int(row[0] or 0)

    def count(self) -> int:
        """See `EventLog.count`."""
        with self._file.reading() as connection:
            row = connection.execute("SELECT count(*) FROM events WHERE body IS NOT NULL").fetchone()
        return int(row[0])

    def erase_user(self, user_id: str) -> int:
        """See `EventLog.erase_user`; deleted bytes are overwritten in the file and removed from its log."""
        with self._file.writing() as connection:
            erased = connection.execute(
                "UPDATE events SET digest = NULL, kind = NULL, user_id = NULL, body = NULL, checksum = NULL"
                " WHERE user_id = ?",
                (user_id,),
            ).rowcount
        self._file.truncate_wal()
        return erased

    def close(self) -> None:
        """See `EventLog.close`."""
        self._file.close()


def _row(event: Event) -> tuple[bytes, bytes, str, str | None, bytes, int]:
    body = event.to_json()
    key = hashlib.blake2b(event.event_id.encode(), digest_size=16).digest()
    return key, event.digest, event.kind, event.subject, body, zlib.crc32(body)


def _event(seq: int, kind: str, body: object, checksum: int) -> Event:
    if not isinstance(body, bytes) or zlib.crc32(body) != checksum:
        raise StoreUnavailable(
            f"Event {seq} of the log differs from its checksum.",
            hint="The disk or a foreign writer damaged the file: restore a backup, then send later events again.",
        )
    return event_from_json(kind, body)
