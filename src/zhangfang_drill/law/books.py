"""The ledger's history, summed up from its entries as it grows: no balance of the platform's is believed."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import asyncpg

from zhangfang.kernel.sql import load

queries = load(__package__, "books.sql")


class Books:
    """Sums of all entries up to `seq`. A fen is counted at its debit and taken off at its credit."""

    def __init__(self) -> None:
        """Begin before the first entry."""
        self.seq = 0
        self._moved: Counter[Any] = Counter()
        self._standing: dict[Any, int] = {}
        self._accounts: dict[Any, tuple[int, str]] = {}

    async def read(self, pool: asyncpg.Pool) -> None:
        """Take in what has been written since the last time."""
        for row in await pool.fetch(queries.accounts):
            self._accounts[row["id"]] = (row["code"], row["subject"])
        for row in await pool.fetch(queries.entries, self.seq):
            self.seq = row["seq"]
            if row["moves"]:
                self._take(row)

    def of(self, *codes: int) -> Mapping[str, int]:
        """Return fen by subject, of all accounts of these codes."""
        sums: Counter[str] = Counter()
        for account, fen in self._moved.items():
            code, subject = self._accounts[account]
            if code in codes:
                sums[subject] += fen
        return sums

    @property
    def trial(self) -> int:
        """Return the sum of the balances that the ledger has stored with the last entry of each account: zero."""
        return sum(self._standing.values())

    def _take(self, row: Any) -> None:
        self._moved[row["debit"]] += row["amount"]
        self._moved[row["credit"]] -= row["amount"]
        self._standing[row["debit"]] = row["debit_balance"]
        self._standing[row["credit"]] = row["credit_balance"]
