"""What comes next for a merchant: dates with amounts, the reserve with its release dates, what is owed, parts of others."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from zhangfang.kernel.sql import load
from zhangfang.merchants import due

queries = load(__package__, "coming.sql")
MOST = 20  # rows of each list


@dataclass(frozen=True, slots=True)
class Coming:
    """What is due on a day: fen and lines. Not `ready`: its file or its money has not come yet."""

    day: date
    ready: bool
    fen: int
    lines: int


@dataclass(frozen=True, slots=True)
class Cycle:
    """A cycle of today: of a product, or of all others (''). `least_fen` is what a batch has to come to."""

    product: str
    cycle: str
    least_fen: int


@dataclass(frozen=True, slots=True)
class Held:
    """A reserve of one batch, in fen, and when it is released."""

    id: UUID
    run_date: date
    release_on: date
    fen: int


@dataclass(frozen=True, slots=True)
class Carried:
    """A batch that came to less than nothing, and what of that is not set off yet."""

    id: UUID
    run_date: date
    carried: int
    owed: int


@dataclass(frozen=True, slots=True)
class Share:
    """A part of another merchant's payment, what refunds took back of it, and the batch that made it available."""

    payment: UUID
    seller: str
    amount: int
    settlement: UUID | None
    created_at: datetime
    back: int


@dataclass(frozen=True, slots=True)
class SetOff:
    """That a later batch (`by`) has less, for an earlier one that was carried."""

    carried: UUID
    by: UUID
    amount: int


async def coming(pool: asyncpg.Pool, merchant: str) -> list[Coming]:
    """Return what is pending for a merchant by the day on which it is due, the first one first."""
    by_day: dict[tuple[date, bool], list[tuple[int, int]]] = defaultdict(list)
    for row in await pool.fetch(queries.coming, merchant):
        by_day[due(row["cycle"], row["settle_date"]), row["ready"]].append((row["fen"], row["lines"]))
    return [
        Coming(*key, sum(fen for fen, _ in rows), sum(lines for _, lines in rows))
        for key, rows in sorted(by_day.items())
    ]


async def cycles(pool: asyncpg.Pool, merchant: str, today: date) -> list[Cycle]:
    """Return the merchant's cycle of today, and those of products that have one of their own."""
    return [Cycle(**row) for row in await pool.fetch(queries.cycles, merchant, today)]


async def held(pool: asyncpg.Pool, merchant: str) -> list[Held]:
    """Return the reserves that are held, the one that is released first first."""
    return [Held(**row) for row in await pool.fetch(queries.held, merchant, MOST)]


async def owed(pool: asyncpg.Pool, merchant: str) -> list[Carried]:
    """Return the batches that came to less than nothing and are not set off, the oldest first."""
    return [Carried(**row) for row in await pool.fetch(queries.owed, merchant, MOST)]


async def shares(pool: asyncpg.Pool, merchant: str) -> list[Share]:
    """Return the newest parts that a merchant has of others' payments."""
    return [Share(**row) for row in await pool.fetch(queries.parts, merchant, MOST)]


async def set_off(pool: asyncpg.Pool, batch: UUID) -> Sequence[SetOff]:
    """Return what a batch has set off, or by which it was."""
    return [SetOff(**row) for row in await pool.fetch(queries.set_off, batch)]
