"""The SQLite file of a bank. Concurrent requests share one commit.

Statements run at once inside an open transaction. It is committed when the event loop has run everything that was
ready. Await `committed()` before an answer is sent. Without fsync (`synchronous=OFF`) a commit survives
the death of the process, though not of the machine: enough for a bank that exists for tests. If the file cannot be
written (a full disk), the process ends at once: an answer from what was not committed would be a lie after the restart.
"""

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

_META = "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"


EXIT_LOST = 74  # EX_IOERR of sysexits.h
_LOST = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT}
)


class StoreInUse(Exception):
    """Another process has this data folder open."""


class Store:
    """SQLite with shared commits, and a table `meta` of JSON values by name."""

    def __init__(self, path: Path, schema: str) -> None:
        """Open or create the file; `schema` is SQL that may run again on a file that has it already."""
        self._db = sqlite3.connect(path, timeout=2, isolation_level=None)
        try:
            # Exclusive: of two banks on one file, each would trust its own memory of it.
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.executescript(_META + schema)
        except sqlite3.OperationalError as error:
            self._db.close()
            if "locked" in str(error):
                raise StoreInUse(f"{path.parent}: in use by another process") from error
            raise
        self._pending: asyncio.Future[None] | None = None

    def write(self, sql: str, row: Sequence[object] = ()) -> None:
        """Run one statement in the shared transaction."""
        self._gather()
        try:
            self._db.execute(sql, row)
        except sqlite3.OperationalError as error:
            _end_if_lost(error)
            raise

    def write_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for many rows in the shared transaction."""
        self._gather()
        try:
            self._db.executemany(sql, rows)
        except sqlite3.OperationalError as error:
            _end_if_lost(error)
            raise

    def read(self, sql: str, row: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query; sees what has been written and not yet committed."""
        return self._db.execute(sql, row).fetchall()

    def named(self, sql: str, row: Sequence[object] = ()) -> list[sqlite3.Row]:
        """All rows of a query as `read` finds them, each knowing its columns' names."""
        cursor = self._db.cursor()
        cursor.row_factory = sqlite3.Row
        return cursor.execute(sql, row).fetchall()

    def get(self, name: str, default: Any) -> Any:
        """A value of `meta`, or `default`."""
        rows = self.read("SELECT value FROM meta WHERE name=?", (name,))
        return json.loads(rows[0][0]) if rows else default

    def put(self, name: str, value: Any) -> None:
        """Store a JSON value in `meta`."""
        self.write("INSERT OR REPLACE INTO meta VALUES(?,?)", (name, json.dumps(value)))

    async def committed(self) -> None:
        """Return once everything written so far is in the file."""
        if self._pending is not None:
            await asyncio.shield(self._pending)

    def close(self) -> None:
        """Commit what is open and close the file."""
        self._commit()
        self._db.close()

    def _gather(self) -> None:
        if self._db.in_transaction:
            return
        self._db.execute("BEGIN")
        loop = asyncio.get_running_loop()
        self._pending = loop.create_future()
        loop.call_soon(self._commit)

    def _commit(self) -> None:
        if self._pending is None:
            return
        pending, self._pending = self._pending, None
        try:
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            _end(error)
        pending.set_result(None)


def _end_if_lost(error: sqlite3.OperationalError) -> None:
    """End the process if a file is full or cannot be written; any other fault is of the statement."""
    if error.sqlite_errorcode & 0xFF in _LOST:
        _end(error)


def _end(error: sqlite3.OperationalError) -> NoReturn:
    print(f"error: the bank's file cannot be written: {error}", file=sys.stderr, flush=True)
    os._exit(EXIT_LOST)
