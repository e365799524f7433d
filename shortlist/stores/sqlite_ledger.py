"""The embedded ledger: decisions in a file, bounded, readable by request and by user.

Recording is on the way of every answer, so it does not wait for the disk (see `stores/sqlite.py`); the bound is kept
by dropping the oldest rows in the same transaction.

Cost: the decision's JSON on disk, about 30 microseconds of work; `max_rows` bounds the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from shortlist.stores.base import check_limit
from shortlist.stores.codec import decision_key, decode_decision, encode_decision
from shortlist.stores.memory import DEFAULT_MAX_ROWS
from shortlist.stores.sqlite import SqliteFile
from shortlist.stores.urls import file_path, whole_numbers

VERSION = 1
SCHEMA = """
CREATE TABLE decisions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id TEXT NOT NULL UNIQUE,
    user_id TEXT,
    body BLOB NOT NULL
);
CREATE INDEX decisions_user ON decisions (user_id, seq) WHERE user_id IS NOT NULL
"""


class SqliteLedger:
    """A ledger in a file.

    Args:
        path: the file; other kinds of store may share it.
        max_rows: decisions kept; older ones are dropped.

    Raises:
        StoreUnavailable: the file cannot be opened.
        VersionTooNew: a newer release wrote it.
    """

    def __init__(self, path: str | Path, max_rows: int = DEFAULT_MAX_ROWS) -> None:
        self._max_rows = max_rows
        self._file = SqliteFile(Path(path), kind="ledger", version=VERSION, schema=SCHEMA, sync="NORMAL")

    @classmethod
    def from_url(cls, place: str, options: Mapping[str, str]) -> Self:
        """From `sqlite:folder/state.db?max_rows=1000`.

        Raises:
            BadConfig: a path or option that this store does not take.
        """
        return cls(file_path(place), **whole_numbers(options, "max_rows"))

    def record(self, *decisions: Mapping[str, Any]) -> None:
        """See `Ledger.record`."""
        rows = [(*decision_key(decision), encode_decision(decision)) for decision in decisions]
        if not rows:
            return
        with self._file.writing() as connection:
            connection.executemany(
                "INSERT INTO decisions (request_id, user_id, body) VALUES (?, ?, ?)"
                " ON CONFLICT (request_id) DO NOTHING",
                rows,
            )
            # The place of the row that has `max_rows - 1` newer ones; erased users leave gaps, so places alone lie.
            connection.execute(
                "DELETE FROM decisions WHERE seq <= (SELECT seq FROM decisions ORDER BY seq DESC LIMIT 1 OFFSET ?)",
                (self._max_rows,),
            )

    def get(self, request_id: str) -> dict[str, Any] | None:
        """See `Ledger.get`."""
        with self._file.reading() as connection:
            row = connection.execute("SELECT body FROM decisions WHERE request_id = ?", (request_id,)).fetchone()
        return None if row is None else decode_decision(row[0])

    def recent(self, user_id: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """See `Ledger.recent`."""
        check_limit(limit)
        where, values = ("", ()) if user_id is None else (" WHERE user_id = ?", (user_id,))
        with self._file.reading() as connection:
            rows = connection.execute(
                f"SELECT body FROM decisions{where} ORDER BY seq DESC LIMIT ?",  # noqa: S608 - no outside text in it
                (*values, limit),
            ).fetchall()
        return [decode_decision(body) for (body,) in rows]

    def count(self) -> int:
        """See `Ledger.count`."""
        with self._file.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM decisions").fetchone()[0])

    def erase_user(self, user_id: str) -> int:
        """See `Ledger.erase_user`; deleted bytes are overwritten in the file and removed from its log."""
        with self._file.writing() as connection:
            erased = connection.execute("DELETE FROM decisions WHERE user_id = ?", (user_id,)).rowcount
        self._file.truncate_wal()
        return erased

    def close(self) -> None:
        """See `Ledger.close`."""
        self._file.close()
