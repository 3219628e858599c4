"""Which payment are they asking about, what happened to it, and how do we know?"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.console.reading.books import lines_of
from zhangfang.console.reading.model import Banked, Counts, Dossier, Facts, Listed, Payment, Step, Total
from zhangfang.kernel.sql import load

queries = load(__package__, "payments.sql")
FAMILY = f"{queries.row}\n{queries.whole}\n{queries.family}"
DOUBTFUL = f"{queries.row}\n{queries.whole}\n{queries.in_doubt}"

FACTS = ("RETURNED", "PART_REFUNDED", "REFUNDED", "VOIDED")
MOST = 5_000  # rows of a list that are counted and summed
_PAGE = 250
_BACK, _PAYOUT = frozenset({"refund", "void"}), frozenset({"payout"})
_OPEN = frozenset({"CREATED", "PARKED", "REDIRECTED", "SENDING", "ACCEPTED", "UNKNOWN", "MANUAL"})


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

    def select(
        self, head: str, limit: int, *, before: UUID | None = None, tail: str = ""
    ) -> tuple[str, list[Any]]:
        """Return the statement of `head` over the newest `limit` rows of each kind, and its parameters."""
        asked = [
            ("of_kinds", list(self.kinds)), ("of_states", list(self.states) if self.states else None),
            ("of_merchant", self.merchant), ("of_channel", self.channel), ("of_since", self.since),
            ("of_until", self.until), ("of_number", self.number), ("before", before), ("newest", limit),
        ]  # fmt: skip
        given = [(name, one) for name, one in asked if one is not None]
        parts = [queries[name].replace("$n", f"${at}") for at, (name, _) in enumerate(given, start=1)]
        parts[1:1] = [queries[name] for name in self._plain()]
        return "\n".join((head, *parts, tail.replace("$n", f"${len(given)}"))), [one for _, one in given]

    def _plain(self) -> Iterator[str]:
        """Yield the conditions without a parameter."""
        if set(self.kinds) <= _BACK:
            yield "of_back"
        if set(self.kinds) <= _PAYOUT:
            yield "of_payout"
        if self.states and set(self.states) <= _OPEN:
            yield "of_open"
        if self.fact:
            yield f"of_{self.fact.lower()}"


async def page(pool: asyncpg.Pool, wanted: Filter, before: UUID | None, limit: int) -> tuple[Payment, ...]:
    """Return up to `limit` rows older than `before`, newest first."""
    sql, given = wanted.select(queries.row, limit, before=before, tail=queries.listed)
    return tuple(Payment(**row) for row in await pool.fetch(sql, *given))


async def every(pool: asyncpg.Pool, wanted: Filter) -> AsyncIterator[tuple[Payment, ...]]:
    """Yield all rows of a filter, newest first, a page at a time."""
    before = None
    while rows := await page(pool, wanted, before, _PAGE):
        yield rows
        before = rows[-1].id


async def total(pool: asyncpg.Pool, wanted: Filter, most: int | None = None) -> Total:
    """Return the number and the sum of the rows of a filter; of more than `most` (or `MOST`), that there are more."""
    most = MOST if most is None else most
    sql, given = wanted.select(queries.sums, most + 1)
    row = await pool.fetchrow(sql, *given)
    return Total(min(row["count"], most), row["fen"], more=row["count"] > most)


async def counts(pool: asyncpg.Pool, wanted: Filter) -> Counts:
    """Return how many of the newest `MOST` rows are in each state and have each later fact, whatever states and fact the
    filter names.
    """
    every_state = replace(wanted, states=None, fact=None)
    sql, given = every_state.select(queries.counts, MOST, tail=queries.by_state)
    rows = await pool.fetch(sql, *given)
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
