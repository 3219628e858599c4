"""Do debits equal credits, and how did each balance come about? Read from committed entries only."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import date
from itertools import groupby
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.kernel.sql import load
from zhangfang.operations.model import AccountOf, Balance, Entry, Line

queries = load(__package__, "books.sql")

_PAGE = 1000


async def lines_of(connection: Any, intent: UUID) -> tuple[Line, ...]:
    """Return both sides of every posted transfer of an intent, in the ledger's order."""
    return tuple(Line(**row) for row in await connection.fetch(queries.lines_of, intent))


async def voucher(pool: asyncpg.Pool, id_: UUID) -> tuple[Line, ...]:
    """Return both sides of every transfer of one voucher."""
    return tuple(Line(**row) for row in await pool.fetch(queries.voucher, id_))


async def trial_balance(pool: asyncpg.Pool, day: date, code: int | None = None) -> tuple[Balance, ...]:
    """Return every account over the business date `day`, or those of one code of the chart."""
    return tuple(Balance(**row) for row in await pool.fetch(queries.trial_balance, day, code))


def by_code(balances: Iterable[Balance]) -> tuple[Balance, ...]:
    """Fold accounts (in the order of book and code) into one line a code."""
    return tuple(_fold(list(several)) for _, several in groupby(balances, key=lambda b: (b.book, b.code)))


def _fold(several: list[Balance]) -> Balance:
    if len(several) == 1:
        return several[0]
    return replace(
        several[0],
        subject="",
        account=None,
        accounts=len(several),
        opening=sum(b.opening for b in several),
        debit=sum(b.debit for b in several),
        credit=sum(b.credit for b in several),
    )


async def first_unequal(pool: asyncpg.Pool) -> UUID | None:
    """Return the first voucher whose debits and credits differ within a book; None, as it has to be."""
    return await pool.fetchval(queries.first_unequal)  # type: ignore[no-any-return]


async def standing(pool: asyncpg.Pool) -> dict[tuple[int, int], int]:
    """Return the balance (debit positive) of each (book, code) at this moment."""
    return {(row["book"], row["code"]): row["balance"] for row in await pool.fetch(queries.standing)}


async def account_of(pool: asyncpg.Pool, id_: UUID) -> AccountOf | None:
    """Return which account an id is."""
    row = await pool.fetchrow(queries.account_of, id_)
    return AccountOf(**row) if row else None


async def history(pool: asyncpg.Pool, account: UUID, before: int | None, limit: int) -> tuple[Entry, ...]:
    """Return up to `limit` entries of an account older than sequence number `before`, newest first."""
    return tuple(Entry(**row) for row in await pool.fetch(queries.history, account, before, limit))


async def every_entry(pool: asyncpg.Pool, account: UUID) -> AsyncIterator[Entry]:
    """Yield the whole history of an account, newest first."""
    before = None
    while rows := await history(pool, account, before, _PAGE):
        for row in rows:
            yield row
        before = rows[-1].seq
