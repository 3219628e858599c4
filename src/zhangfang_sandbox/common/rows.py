"""A bank's store whose rows know their columns' names."""

import sqlite3
from pathlib import Path

from zhangfang_sandbox.common import faults
from zhangfang_sandbox.common.store import Store


class RowStore(Store):
    """`Store` for a bank that keeps its book in tables and works on their rows."""

    def insert(self, sql: str, *values: object) -> int:
        """Insert a row and return its number."""
        self.write(sql, values)
        return int(self.one("SELECT last_insert_rowid() AS number")["number"])

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Return all rows of a query; sees what is written and not yet committed."""
        return self.named(sql, values)

    def row(self, sql: str, *values: object) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        return next(iter(self.named(sql, values)), None)

    def one(self, sql: str, *values: object) -> sqlite3.Row:
        """Return the row of a query that always finds one. Raises LookupError if it does not."""
        found = self.row(sql, *values)
        if found is None:
            raise LookupError(f"no row for: {sql}")
        return found


def open_rows(folder: Path, bank: str) -> RowStore:
    """Open or make the book of a bank in `folder`, with the tables of the bank's `schema.sql`."""
    schema = (Path(__file__).parents[1] / bank / "schema.sql").read_text(encoding="utf-8")
    return RowStore(folder / f"{bank}.sqlite3", schema + faults.SCHEMA)
