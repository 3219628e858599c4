"""Can each channel take money now? Which operations did a person stop, and why?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from zhangfang.console.reading.today import day_bounds
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.sql import load

queries = load(__package__, "channels.sql")

LATELY = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class OperationHealth:
    """One operation of one channel: what was asked and answered, what is unknown, and a person's stop."""

    channel: str
    operation: str
    asked: int
    answered: int
    asked_today: int
    answered_today: int
    p95_seconds: float | None
    unknown: int
    unknown_oldest: datetime | None
    stopped_by: str | None
    stopped_at: datetime | None
    stop_reason: str | None


async def health(
    pool: asyncpg.Pool, now: datetime, channels: Mapping[str, Sequence[str]]
) -> tuple[OperationHealth, ...]:
    """Return every operation of `channels` (and any that is stopped): the last 15 minutes, the day, the unknown.

    Answered is every request that the channel gave any outcome or acceptance to; asked leaves out what never left.
    """
    pairs = [(channel, operation) for channel, several in channels.items() for operation in several]
    rows = await pool.fetch(
        queries.health,
        [c for c, _ in pairs],
        [o for _, o in pairs],
        day_bounds(china_day(now))[0],
        now - LATELY,
    )
    return tuple(OperationHealth(**row) for row in rows)
