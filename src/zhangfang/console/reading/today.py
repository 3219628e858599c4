"""Is anything wrong, and does the day add up?"""

import json
from datetime import UTC, date, datetime, time, timedelta

import asyncpg

from zhangfang.adjustments import SOON, WARN
from zhangfang.console.reading.model import Errand, Figures, Hour, Seal, Waiting
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.sql import load

queries = load(__package__, "today.sql")

SEAL_LIFE = timedelta(seconds=60)


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Return the first moment of a day in China and the first of the next one, in UTC."""
    start = datetime.combine(day, time(), CHINA)
    return start.astimezone(UTC), (start + timedelta(days=1)).astimezone(UTC)


async def last_day(pool: asyncpg.Pool, day: date) -> date | None:
    """Return the last day in China, up to `day`, on which a merchant asked for a payment."""
    at = await pool.fetchval(queries.last_order, day_bounds(day)[1])
    return china_day(at) if at else None


async def seal(pool: asyncpg.Pool, now: datetime) -> Seal:
    """Return the newest audit. The seal holds only if it is good, younger than 60 s, and not from the future."""
    row = await pool.fetchrow(queries.last_audit)
    if row is None:
        return Seal(holds=False, at=None, ok=None, figures={})
    fresh = timedelta() <= now - row["at"] < SEAL_LIFE
    return Seal(holds=row["ok"] and fresh, at=row["at"], ok=row["ok"], figures=json.loads(row["figures"]))


async def waiting(pool: asyncpg.Pool, day: date) -> Waiting:
    """Return what the frame of every page says. Payouts count as returned on the day of their return."""
    return Waiting(**await pool.fetchrow(queries.waiting, day_bounds(day)[0], day + WARN, day + SOON))


async def figures(pool: asyncpg.Pool, day: date) -> Figures:
    """Return the figures of what was asked for on `day` in China; the unknown are of all days."""
    row = await pool.fetchrow(queries.figures, *day_bounds(day))
    return Figures(**row, **await pool.fetchrow(queries.unknown))


async def hours(pool: asyncpg.Pool, day: date) -> tuple[Hour, ...]:
    """Return the 24 hours of `day` beside those of the day before."""
    start, end = day_bounds(day)
    rows = {
        row["hour"]: Hour(**row)
        for row in await pool.fetch(queries.hours, start - timedelta(days=1), start, end)
    }
    return tuple(rows.get(hour, Hour(hour, 0, 0, 0)) for hour in range(24))


async def errands(pool: asyncpg.Pool, day: date, limit: int = 200) -> tuple[Errand, ...]:
    """Return what waits for a person, oldest first; returned payouts of `day` only."""
    rows = await pool.fetch(queries.errands, day_bounds(day)[0], limit, day + WARN, day + SOON)
    return tuple(Errand(**row) for row in rows)
