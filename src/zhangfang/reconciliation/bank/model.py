"""A line of an account's statement that is to be booked, and what every way of booking it shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.channels.port import AcquiringChannel, BankChannel
from zhangfang.kernel.sql import load
from zhangfang.ledger import Transfer
from zhangfang.payments import Desk
from zhangfang.reconciliation import books

queries = load("zhangfang.reconciliation", "store.sql")

Booked = frozenset[str]  # the numbers of the lines that were booked
WAITS: Booked = frozenset()  # the line waits, for a channel's file or for another line


@dataclass(frozen=True, slots=True)
class Account:
    """An account of ours: its `alias` in the ledger, its bank, and the channels that settle into it."""

    alias: str
    bank: BankChannel
    settled_by: tuple[AcquiringChannel, ...]


@dataclass(frozen=True, slots=True)
class Booking:
    """A stored line of an account that is to be booked."""

    desk: Desk
    account: Account
    line: Any

    @property
    def pool(self) -> asyncpg.Pool:
        """Return the database."""
        return self.desk.pool

    @property
    def day(self) -> date:
        """Return the line's business date."""
        day: date = self.line["business_date"]
        return day

    @property
    def now(self) -> datetime:
        """Return the moment."""
        return self.desk.clock.now()

    @property
    def by(self) -> str:
        """Return what has cleared a break that this line clears."""
        return f"line {self.line['sequence']} of the statement"

    async def book(self, transfers: list[Transfer]) -> None:
        """Post whole vouchers, or find them in the books. Raises `NotBooked`."""
        await books.book(self.pool, self.desk.ledger, transfers)

    async def done(self, template: str, *also: Sequence[Any], intent: UUID | None = None) -> Booked:
        """Store that the line is booked, and in the same transaction what else follows: statements with their values."""
        posted = (queries.posted_line, self.account.alias, self.line["sequence"], template, intent, self.now)
        async with self.pool.acquire() as connection, connection.transaction():
            for statement, *values in (*also, posted):
                await connection.execute(statement, *values)
        return frozenset({self.line["sequence"]})
