"""Balances that the simulator adds up itself from the ledger's transfers; it uses no balance that the platform stored."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import asyncpg

from zhangfang.kernel.sql import load

queries = load(__package__, "books.sql")


class Books:
    """Sums of all transfers up to `seq`, in fen: debits less credits of each account."""

    def __init__(self) -> None:
        """Begin before the first transfer."""
        self.seq = 0
        self._moved: Counter[Any] = Counter()
        self._standing: dict[Any, int] = {}
        self._accounts: dict[Any, tuple[int, str]] = {}

    async def read(self, pool: asyncpg.Pool) -> None:
        """Add the transfers that were written since the last call."""
        for row in await pool.fetch(queries.accounts):
            self._accounts[row["id"]] = (row["code"], row["subject"])
        for row in await pool.fetch(queries.entries, self.seq):
            self.seq = row["seq"]
            if row["moves"]:
                self._take(row)

    def of(self, *codes: int) -> Mapping[str, int]:
        """Return debits less credits in fen, by subject, over all accounts of these codes."""
        sums: Counter[str] = Counter()
        for account, fen in self._moved.items():
            code, subject = self._accounts[account]
            if code in codes:
                sums[subject] += fen
        return sums

    @property
    def trial(self) -> int:
        """Return the sum of the balances stored with each account's last transfer, in fen; it has to be 0."""
        return sum(self._standing.values())

    def _take(self, row: Any) -> None:
        self._moved[row["debit"]] += row["amount"]
        self._moved[row["credit"]] -= row["amount"]
        self._standing[row["debit"]] = row["debit_balance"]
        self._standing[row["credit"]] = row["credit_balance"]
