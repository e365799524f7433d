"""Feature values in one SQLite file, beside or apart from the event log.

Reads of many keys are one statement over a list of keys. Values can be folded again from the log, so the file runs
with `synchronous=NORMAL`: losing the last seconds of a machine that lost power costs a replay of those.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Self

from shortlist.stores.sqlite import SqliteFile
from shortlist.stores.urls import file_path, whole_numbers

SCHEMA = """
CREATE TABLE IF NOT EXISTS features (
    space TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, until REAL, PRIMARY KEY (space, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS feature_spaces (space TEXT PRIMARY KEY, seq INTEGER NOT NULL)
"""
_READ = (
    "SELECT features.key, features.value FROM json_each(?) AS asked "
    "CROSS JOIN features ON features.space = ? AND features.key = asked.value WHERE until IS NULL OR until > ?"
)


class SqliteFeatures:
    """A feature store in a file."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    @classmethod
    def from_url(cls, place: str, options: Mapping[str, str]) -> Self:
        """From `sqlite:folder/state.db`.

        Raises:
            BadConfig: no path, or an option that this store does not take.
            StoreUnavailable: the file cannot be opened.
            VersionTooNew: a newer release wrote it.
        """
        whole_numbers(options)
        return cls(SqliteFile(file_path(place), kind="feature_store", version=1, schema=SCHEMA, sync="NORMAL"))

    def get_many(self, space: str, keys: Sequence[str]) -> list[bytes | None]:
        """See `FeatureStore.get_many`."""
        with self._file.reading() as connection:
            found = dict(connection.execute(_READ, (json.dumps(list(keys)), space, time.time())).fetchall())
        return [found.get(key) for key in keys]

    def put_many(self, space: str, rows: Mapping[str, bytes], seq: int, ttl_s: float | None = None) -> None:
        """See `FeatureStore.put_many`."""
        until = None if ttl_s is None else time.time() + ttl_s
        with self._file.writing() as connection:
            connection.executemany(
                "INSERT INTO features VALUES (?, ?, ?, ?) "
                "ON CONFLICT (space, key) DO UPDATE SET value = excluded.value, until = excluded.until",
                [(space, key, value, until) for key, value in rows.items() if value],
            )
            gone = [(space, key) for key, value in rows.items() if not value]
            connection.executemany("DELETE FROM features WHERE space = ? AND key = ?", gone)
            connection.execute(
                "INSERT INTO feature_spaces VALUES (?, ?) ON CONFLICT (space) DO UPDATE SET seq = excluded.seq",
                (space, seq),
            )

    def seq(self, space: str) -> int:
        """See `FeatureStore.seq`."""
        with self._file.reading() as connection:
            row = connection.execute("SELECT seq FROM feature_spaces WHERE space = ?", (space,)).fetchone()
        return 0 if row is None else int(row[0])

    def erase(self, keys: Sequence[str]) -> int:
        """See `FeatureStore.erase`."""
        statement = "DELETE FROM features WHERE key IN (SELECT value FROM json_each(?))"
        with self._file.writing() as connection:
            gone = connection.execute(statement, (json.dumps(list(keys)),)).rowcount
        self._file.truncate_wal()
        return int(gone)

    def count(self, space: str) -> int:
        """See `FeatureStore.count`."""
        statement = "SELECT count(*) FROM features WHERE space = ? AND (until IS NULL OR until > ?)"
        with self._file.reading() as connection:
            return int(connection.execute(statement, (space, time.time())).fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._file.close()
