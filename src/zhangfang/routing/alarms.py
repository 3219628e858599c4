"""What routing shows to people: account types that are in no table, and breakers that are open."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from zhangfang.routing.tally import queries

_SHOWN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class UnknownType:
    """An account type that was asked for and is in no table: how often, and since when."""

    operation: str
    account_type: str
    asked: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """An operation of a channel that has been stopped since `opened_at`, because too many outcomes were unknown."""

    channel: str
    operation: str
    opened_at: datetime


async def unknown_types(pool: asyncpg.Pool, now: datetime) -> tuple[UnknownType, ...]:
    """Return the types of the last 24 hours that no table knew, the latest first."""
    return tuple(UnknownType(**row) for row in await pool.fetch(queries.unknown_types, now - _SHOWN))


async def open_breakers(pool: asyncpg.Pool) -> tuple[OpenBreaker, ...]:
    """Return the breakers that are open or half open."""
    return tuple(OpenBreaker(**row) for row in await pool.fetch(queries.breakers))
