"""Which payment are they asking about, what happened to it, and how do we know?"""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.console.reading.books import lines_of
from zhangfang.console.reading.model import Banked, Counts, Dossier, Facts, Listed, Payment, Step, Total
from zhangfang.kernel.sql import load

queries = load(__package__, "payments.sql")
LISTED = f"{queries.row}\n{queries.filtered}\n{queries.older}"
SUMMED = f"{queries.sums}\n{queries.filtered}"
COUNTED = f"{queries.counts}\n{queries.filtered}\n{queries.by_state}"
FAMILY = f"{queries.row}\n{queries.family}"
DOUBTFUL = f"{queries.row}\n{queries.in_doubt}"

FACTS = ("RETURNED", "PART_REFUNDED", "REFUNDED", "VOIDED")
_PAGE = 250


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows are meant. `until` is exclusive; `number` matches an order's, channel's or channel's own reference."""

    kinds: tuple[str, ...]
    states: tuple[str, ...] | None = None
    merchant: str | None = None
    channel: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    fact: str | None = None
    number: str | None = None

    def arguments(self) -> tuple[Any, ...]:
        """Return the parameters in the order of the SQL."""
        states = list(self.states) if self.states else None
        return (
            list(self.kinds), states, self.merchant, self.channel, self.since, self.until, self.fact, self.number,
        )  # fmt: skip


async def page(pool: asyncpg.Pool, wanted: Filter, before: UUID | None, limit: int) -> tuple[Payment, ...]:
    """Return up to `limit` rows older than `before`, newest first."""
    return tuple(Payment(**row) for row in await pool.fetch(LISTED, *wanted.arguments(), before, limit))


async def every(pool: asyncpg.Pool, wanted: Filter) -> AsyncIterator[tuple[Payment, ...]]:
    """Yield all rows of a filter, newest first, a page at a time."""
    before = None
    while rows := await page(pool, wanted, before, _PAGE):
        yield rows
        before = rows[-1].id


async def total(pool: asyncpg.Pool, wanted: Filter) -> Total:
    """Return the number and the sum of all rows of a filter."""
    return Total(**await pool.fetchrow(SUMMED, *wanted.arguments()))


async def counts(pool: asyncpg.Pool, wanted: Filter) -> Counts:
    """Return how many rows each state and each later fact has, whatever states and fact the filter names."""
    rows = await pool.fetch(COUNTED, *replace(wanted, states=None, fact=None).arguments())
    facts: Counter[str] = Counter()
    for row in rows:
        facts.update({fact: row[fact.lower()] for fact in FACTS})
    return Counts({row["state"]: row["count"] for row in rows}, facts)


async def doubtful(pool: asyncpg.Pool, limit: int = 500) -> tuple[Payment, ...]:
    """Return what is UNKNOWN or waits for a person, oldest doubt first."""
    return tuple(Payment(**row) for row in await pool.fetch(DOUBTFUL, limit))


async def dossier(pool: asyncpg.Pool, id_: UUID) -> Dossier | None:
    """Return a payment with all its evidence, read in one snapshot; None if there is none."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        facts = await connection.fetchrow(queries.facts, id_)
        if facts is None:
            return None
        family = [Payment(**row) for row in await connection.fetch(FAMILY, [id_])]
        return Dossier(
            payment=next(one for one in family if one.id == id_),
            facts=Facts(**facts),
            steps=tuple(Step(**row) for row in await connection.fetch(queries.steps, id_)),
            lines=await lines_of(connection, id_),
            listed=tuple(Listed(**row) for row in await connection.fetch(queries.listed_in, id_)),
            banked=tuple(Banked(**row) for row in await connection.fetch(queries.banked, id_)),
            undone_by=tuple(one for one in family if one.id != id_),
        )
