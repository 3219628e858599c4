"""The driver: rows that are their own jobs.

A table with `next_action_at`, `lease_until` and `fence` needs no queue beside it. `next_action_at` is the business's
time; a lease is a matter of machines and runs on the database's own time, so that a jump of a virtual clock breaks none.
The happy path never waits for the driver: it repairs what was left lying.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import structlog

from zhangfang.kernel.clock import Clock

log = structlog.get_logger()

LEASE = timedelta(seconds=10)
BACK_OFF = timedelta(seconds=2)

_CLAIM = """
UPDATE {table} SET lease_until = clock_timestamp() + $2::interval, fence = fence + 1
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM {table}
    WHERE next_action_at <= $1 AND (lease_until IS NULL OR lease_until < clock_timestamp()){only}
    ORDER BY next_action_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING *
"""
_RELEASE = "UPDATE {table} SET lease_until = clock_timestamp() + $2::interval WHERE {key} AND fence = $1"


@dataclass(frozen=True)
class Job:
    """A table whose rows are jobs: `key` are its key columns, `step` does one step of a claimed row."""

    table: str
    key: tuple[str, ...]
    step: Callable[[asyncpg.Record], Awaitable[None]]
    most: int = 64
    only: str = ""


async def drive(pool: asyncpg.Pool, clock: Clock, jobs: tuple[Job, ...], poll_seconds: float = 0.1) -> None:
    """Run due rows of all `jobs` until cancelled. A step that raises is logged and tried again later."""
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(_drive_one(pool, clock, job, poll_seconds))


async def _drive_one(pool: asyncpg.Pool, clock: Clock, job: Job, poll_seconds: float) -> None:
    while True:
        found = 0
        try:
            found = await run_due(pool, clock.now(), job)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("the database is away; the driver waits", table=job.table, error=type(error).__name__)
            await asyncio.sleep(0.2)
        if found < job.most:
            await asyncio.sleep(poll_seconds)


async def run_due(pool: asyncpg.Pool, now: datetime, job: Job) -> int:
    """Claim the rows of `job` that are due at `now`, do one step of each at once, and return how many there were."""
    claim = _CLAIM.format(table=job.table, only=f" AND {job.only}" if job.only else "")
    rows = await pool.fetch(claim, now, LEASE, job.most)
    await asyncio.gather(*(_run(pool, job, row) for row in rows))
    return len(rows)


async def _run(pool: asyncpg.Pool, job: Job, row: asyncpg.Record) -> None:
    try:
        await job.step(row)
        return
    except Exception:
        log.exception(
            "a step failed and will be tried again", table=job.table, key=[str(row[k]) for k in job.key]
        )
    key = " AND ".join(f"{column} = ${n}" for n, column in enumerate(job.key, start=3))
    with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        await pool.execute(
            _RELEASE.format(table=job.table, key=key), row["fence"], BACK_OFF, *(row[k] for k in job.key)
        )
