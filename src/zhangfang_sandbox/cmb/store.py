"""The bank's store with rows that know their columns' names."""

import sqlite3
from pathlib import Path

from zhangfang_sandbox.common import faults
from zhangfang_sandbox.common import store as common

SCHEMA = (Path(__file__).parent / "schema.sql").read_text(encoding="utf-8")


class Store(common.Store):
    """The tables of `schema.sql`, with commits gathered as in every sandbox bank."""

    def __init__(self, folder: Path) -> None:
        """Open or make the book in `folder`."""
        super().__init__(folder / "cmb.sqlite3", SCHEMA + faults.SCHEMA)
        self._db.row_factory = sqlite3.Row

    def insert(self, sql: str, *values: object) -> int:
        """Insert a row and return its number."""
        self.write(sql, values)
        return int(self.one("SELECT last_insert_rowid() AS number")["number"])

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Return all rows of a query; sees what is written and not yet committed."""
        return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        found: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
        return found

    def one(self, sql: str, *values: object) -> sqlite3.Row:
        """Return the row of a query that always finds one. Raises LookupError if it does not."""
        found = self.row(sql, *values)
        if found is None:
            raise LookupError(f"no row for: {sql}")
        return found
