"""Vouchers and accounts: how did each balance come about? Read from committed entries only.

No read here goes through an account's whole history: it comes from pages, a thousand entries at a time.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.console.reading.model import AccountOf, Entry, Line, Links
from zhangfang.kernel.sql import load

queries = load(__package__, "books.sql")

_PAGE = 250


async def lines_of(connection: Any, intent: UUID) -> tuple[Line, ...]:
    """Return both sides of every posted transfer of an intent, in the ledger's order."""
    return tuple(Line(**row) for row in await connection.fetch(queries.lines_of, intent))


async def voucher(pool: asyncpg.Pool, id_: UUID) -> tuple[Line, ...]:
    """Return both sides of every transfer of one voucher, and of every hold in it that is still open."""
    return tuple(Line(**row) for row in await pool.fetch(queries.voucher, id_))


async def links(pool: asyncpg.Pool, id_: UUID) -> Links:
    """Return a voucher's relations: what it reverses, what reverses it, its payment; and the last closed date."""
    return Links(**await pool.fetchrow(queries.voucher_links, id_))


async def first_unequal(pool: asyncpg.Pool) -> UUID | None:
    """Return the first voucher whose debits and credits differ within a book, found by reading on until there is one."""
    return await pool.fetchval(queries.first_unequal)  # type: ignore[no-any-return]


async def standing(pool: asyncpg.Pool) -> dict[tuple[int, int], int]:
    """Return the balance (debit positive) of each (book, code) at this moment."""
    return {(row["book"], row["code"]): row["balance"] for row in await pool.fetch(queries.standing)}


async def merchant_names(pool: asyncpg.Pool, subjects: Iterable[str]) -> dict[str, str]:
    """Return the names of those subjects that are merchants."""
    return {row["id"]: row["name"] for row in await pool.fetch(queries.merchant_names, list(subjects))}


async def account_of(pool: asyncpg.Pool, id_: UUID) -> AccountOf | None:
    """Return which account an id is."""
    row = await pool.fetchrow(queries.account_of, id_)
    return AccountOf(**row) if row else None


async def history(pool: asyncpg.Pool, account: UUID, before: int | None, limit: int) -> tuple[Entry, ...]:
    """Return up to `limit` entries of an account older than sequence number `before`, newest first."""
    return tuple(Entry(**row) for row in await pool.fetch(queries.history, account, before, limit))


async def count(pool: asyncpg.Pool, account: UUID, most: int) -> int:
    """Return how many entries an account has, at most `most`."""
    return await pool.fetchval(queries.entries, account, most)  # type: ignore[no-any-return]


async def every_entry(pool: asyncpg.Pool, account: UUID) -> AsyncIterator[tuple[Entry, ...]]:
    """Yield the whole history of an account, newest first, a page at a time."""
    before = None
    while page := await history(pool, account, before, _PAGE):
        yield page
        before = page[-1].seq
