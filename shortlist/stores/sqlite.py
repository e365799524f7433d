"""One SQLite file, opened so that several threads and processes may write it and an answer means "on disk".

Write-ahead logging lets readers go on while one writer commits. The event log runs with `synchronous=FULL`: with a
write-ahead log, NORMAL survives the death of the process but may lose the last commits when power fails, and an
acknowledged event must survive both. The price is one fsync per batch, which is why events are sent in batches.
The ledger runs with NORMAL: losing the last decisions of a machine that lost power costs some explanations, no truth.

When not to use it: on network file systems (their locks lie), or for more than some thousand small batches a second.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shortlist.core.errors import ShortlistError, StoreTimeout, StoreUnavailable, VersionTooNew

BUSY_TIMEOUT_S = 5.0


class SqliteFile:
    """Connections to one file for one kind of store: one for writing, one for reading, each behind a lock.

    Args:
        path: the file; its folder is made.
        kind: whose tables these are ("event_log", "ledger"); several kinds may share a file.
        version: of the tables as this code knows them.
        schema: statements that make version `version` from nothing.
        sync: "FULL" or "NORMAL", see the module.

    Raises:
        StoreUnavailable: the file cannot be opened or is no database.
        VersionTooNew: a newer release wrote it.
    """

    def __init__(self, path: Path, *, kind: str, version: int, schema: str, sync: str) -> None:
        self.path = path
        self._sync = sync
        self._pid = os.getpid()
        self._write_lock = threading.RLock()
        self._read_lock = threading.RLock()
        self._closed = False
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(
                f"The folder of the store '{path.name}' cannot be made ({type(error).__name__}).",
                hint="Check the store's URL and the permissions of its folder.",
            ) from None
        with self.writing() as connection:
            _prepare(connection, kind, version, schema)
        _sync_folder(path.parent)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: everything inside is stored, or nothing.

        Raises:
            StoreTimeout: another writer held the file for longer than five seconds.
            StoreUnavailable: the disk is full, read-only or failing; the transaction was rolled back.
        """
        with self._write_lock, self._translated():
            self._check_open()
            if self._writer is None:
                self._writer = self._connect()
            connection = self._writer
            # IMMEDIATE takes the write lock now: waiting later, after a read, would fail instead of wait.
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                self._abandon(connection)
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for reads; they do not wait for writers.

        Raises:
            StoreUnavailable: the file cannot be read.
        """
        with self._read_lock, self._translated():
            self._check_open()
            if self._reader is None:
                self._reader = self._connect()
            yield self._reader

    def truncate_wal(self) -> None:
        """Move everything into the main file and empty the write-ahead log, so that erased bytes are gone from it."""
        with self._write_lock, self._translated():
            self._check_open()
            if self._writer is not None:
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close both connections."""
        with self._write_lock, self._read_lock:
            self._closed = True
            for connection in (self._writer, self._reader):
                if connection is not None and self._pid == os.getpid():
                    connection.close()
            self._writer = self._reader = None

    # --- private -----------------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable(f"The store '{self.path.name}' is closed.", hint="Open it again.")
        if self._pid != os.getpid():
            # A connection carried over a fork corrupts files; the child forgets it unclosed and opens its own.
            self._pid = os.getpid()
            self._inherited = (self._writer, self._reader)
            self._writer = self._reader = None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        try:
            _write_ahead(connection)
            connection.execute(f"PRAGMA synchronous={self._sync}")
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("PRAGMA journal_size_limit=16777216")
        except BaseException:
            connection.close()
            raise
        return connection

    def _abandon(self, connection: sqlite3.Connection) -> None:
        """Roll back; a connection that cannot is thrown away, because its state is not known."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            connection.close()
            self._writer = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except ShortlistError:
            raise
        except sqlite3.Error as error:
            raise _as_ours(error, self.path.name) from error


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log, waiting for others who do the same.

    The first switch of a new file needs it alone, and SQLite refuses at once instead of waiting for its busy timeout.
    """
    until = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error).lower() or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _sync_folder(folder: Path) -> None:
    """The name of a new file is durable only when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _prepare(connection: sqlite3.Connection, kind: str, version: int, schema: str) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS schema_version (kind TEXT PRIMARY KEY, version INTEGER NOT NULL)")
    row = connection.execute("SELECT version FROM schema_version WHERE kind = ?", (kind,)).fetchone()
    if row is None:
        for statement in schema.split(";"):
            if statement.strip():
                connection.execute(statement)
        connection.execute("INSERT INTO schema_version VALUES (?, ?)", (kind, version))
    elif row[0] > version:
        raise VersionTooNew(
            f"The store's {kind} tables have version {row[0]}; this release knows {version}.",
            hint="Upgrade shortlist, or open another store.",
        )


def _as_ours(error: sqlite3.Error, name: str) -> ShortlistError:
    text = str(error).lower()
    if "locked" in text or "busy" in text:
        return StoreTimeout(
            f"The store '{name}' was held by another writer for more than {BUSY_TIMEOUT_S:.0f} s.",
            hint="Try again; send events in larger batches.",
        )
    if "full" in text:
        return StoreUnavailable(f"The disk of the store '{name}' is full.", hint="Free space, then send again.")
    if "readonly" in text or "read-only" in text:
        return StoreUnavailable(f"The store '{name}' is read-only.", hint="Check the permissions of file and folder.")
    if "malformed" in text or "not a database" in text:
        return StoreUnavailable(
            f"The store '{name}' is damaged or is no SQLite file.",
            hint="Move it away and restore a backup; nothing was changed.",
        )
    return StoreUnavailable(f"The store '{name}' failed: {error}.", hint="Check the disk, then try again.")
