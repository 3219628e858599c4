"""A week that is over is kept as it was printed. What comes out otherwise later is a further version: restated."""

import hashlib

import asyncpg
import msgspec

from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.sql import load
from zhangfang.weekly.figures import figures
from zhangfang.weekly.model import Figures, Report
from zhangfang.weekly.rules import days_of

queries = load(__package__, "weekly.sql")
_encode = msgspec.json.Encoder(order="deterministic").encode


async def report(pool: asyncpg.Pool, clock: Clock, week: str) -> Report:
    """Return a week as it is known now; one that is over is stored, if it is new or says something else than before."""
    now = clock.now()
    made = await figures(pool, week, now)
    text = _encode(made)
    digest = hashlib.sha256(text).hexdigest()
    if china_day(now) <= days_of(week)[1]:
        return Report(made, 0, now, digest)
    last = await pool.fetchrow(queries.newest_report, week)
    if last is None or last["digest"] != digest:
        version = last["version"] + 1 if last is not None else 1
        await pool.execute(queries.add_report, week, version, now, text.decode(), digest)
    return (await reports(pool, week))[-1]


async def reports(pool: asyncpg.Pool, week: str) -> tuple[Report, ...]:
    """Return every version that is kept of a week, the first one first."""
    return tuple(
        Report(msgspec.json.decode(row["figures"], type=Figures), row["version"], row["as_of"], row["digest"])
        for row in await pool.fetch(queries.reports, week)
    )
