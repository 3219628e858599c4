"""Whether a business date is certified, so that its statements may be released."""

from dataclasses import dataclass
from datetime import date

import asyncpg

from zhangfang.closing.certificate import certificates
from zhangfang.kernel.sql import load

queries = load(__package__, "timetable.sql")


@dataclass(frozen=True, slots=True)
class Certified:
    """The numbers of a date's certificates, apart by commas; or what is `missing`, for people."""

    numbers: str = ""
    missing: str = ""


async def certified(pool: asyncpg.Pool, day: date) -> Certified:
    """Return the certificates of every channel with a file of a business date, or what is missing.

    A date is closed only when each channel's file is there, so no channel is overlooked.
    """
    if not await pool.fetchval(queries.done, "close", day.isoformat()):
        return Certified(missing=f"business date {day} is not closed yet")
    channels = [row["channel"] for row in await pool.fetch(queries.with_file, day)]
    found = await certificates(pool, day, channels)
    if missing := [channel for channel in channels if channel not in found]:
        return Certified(missing=f"business date {day} has no certificate of {', '.join(missing)} yet")
    return Certified(", ".join(found[channel].number for channel in channels))
