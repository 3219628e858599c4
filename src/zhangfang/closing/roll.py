"""The day-end roll (日切): stores each account's turnover and balance of every business date, so that it is summed once.

A roll is a cache of all entries up to one sequence number. Readers add the later entries themselves, whatever their
business date, and the next roll counts them. So balances do not depend on when a roll runs, or how often.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import asyncpg

from zhangfang.kernel.calendar import china_day, settlement_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.sql import load

queries = load(__package__, "roll.sql")


class NotOver(ZhangfangError):
    """A business date is not over, so it cannot be rolled; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The current business date, the last date that is rolled, the last date that is closed, and the sequence numbers."""

    business_date: date
    rolled_through: date | None
    closed_through: date | None
    rolled_seq: int
    ledger_seq: int


async def roll(pool: asyncpg.Pool, clock: Clock, day: date) -> None:
    """Roll `day`, which must be over, on every shard. Safe to repeat. Raises `NotOver`."""
    now = clock.now()
    if china_day(now) <= day:
        raise NotOver(f"business date {day} is not over yet")
    waiting = await pool.fetchrow(queries.not_closed, day.isoformat())
    if waiting is not None:
        note = f": {waiting['note']}" if waiting["note"] else ""
        raise NotOver(f"the day-end of {waiting['key']} is not done yet{note}")
    for row in await pool.fetch(queries.shards):
        await _roll_shard(pool, row["shard"], day, now)


async def _roll_shard(pool: asyncpg.Pool, shard: int, day: date, now: datetime) -> None:
    """Count the entries since the last roll, under a lock, so that two rolls do not run at the same time."""
    async with pool.acquire() as connection, connection.transaction():
        seq = await _advance(connection, shard)
        await connection.execute(queries.add_day, shard, day, seq, now)


async def _advance(connection: Any, shard: int) -> int:
    await connection.execute(queries.begin, shard)
    after: int = await connection.fetchval(queries.lock, shard)
    until: int = await connection.fetchval(queries.target, shard, after)
    await connection.execute(queries.count, shard, after, until)
    await connection.execute(queries.move, shard, until)
    return until


async def standing(pool: asyncpg.Pool, now: datetime) -> Standing:
    """Return the current business date, and how far the books of all shards are rolled and closed."""
    return Standing(business_date=settlement_day(now), **await pool.fetchrow(queries.standing))
