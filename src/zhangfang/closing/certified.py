"""Whether a business date is certified, so that its statements may be released."""

from dataclasses import dataclass
from datetime import date

import asyncpg

from zhangfang.kernel.sql import load

queries = load(__package__, "timetable.sql")


@dataclass(frozen=True, slots=True)
class Certified:
    """The numbers of a date's certificates, apart by commas; or what is `missing`, for people."""

    numbers: str = ""
    missing: str = ""


async def certified(pool: asyncpg.Pool, day: date) -> Certified:
    """Return the certificates of a business date, or what is missing."""
    if not await pool.fetchval(queries.done, "close", day.isoformat()):
        return Certified(missing=f"business date {day} is not closed yet")
    return Certified()
