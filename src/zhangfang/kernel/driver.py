"""The driver: runs the rows of tables as jobs, so that no separate queue is needed.

Such a table has `next_action_at`, `lease_until` and `fence`. `next_action_at` is business time. A lease uses the
database's own time, so that a jump of a virtual clock does not end it. The normal course of a payment does not wait for
the driver, which continues what was left unfinished.

The lease of a long step is renewed. If that fails (another process has the row, the database is away, this process was
suspended), the step is cancelled `MARGIN` before the lease ends, so that no two processes work on a row.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import structlog

from zhangfang.kernel.clock import Clock
from zhangfang.kernel.database import AWAY

log = structlog.get_logger()

LEASE = timedelta(seconds=10)
MARGIN = timedelta(seconds=2)
RENEW = LEASE / 4
BACK_OFF = timedelta(seconds=2)

_DUE = """
SELECT ctid FROM {table}
WHERE next_action_at <= $1 AND (lease_until IS NULL OR lease_until < clock_timestamp()){only}
"""
_CLAIM = """
UPDATE {table} SET lease_until = clock_timestamp() + $2::interval, fence = fence + 1
WHERE ctid = ANY (ARRAY({due} ORDER BY next_action_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING *
"""
_HOLD = """
UPDATE {table} SET lease_until = clock_timestamp() + $2::interval
WHERE {key} AND fence = $1 AND lease_until IS NOT NULL
RETURNING fence
"""


class LeaseLost(Exception):
    """The lease could not be renewed in time. The step was cancelled; the next process that claims the row repeats it."""


def safe_until(taken: float) -> float:
    """Return the time until which a lease requested at `taken` allows sending, both in seconds of `time.monotonic`."""
    return taken + (LEASE - MARGIN).total_seconds()


@dataclass(frozen=True)
class Job:
    """A table whose rows are jobs. `key` are its key columns; `step` does one step of a claimed row.

    At most `most` steps run at once; `only` is an SQL condition on the rows.
    """

    table: str
    key: tuple[str, ...]
    step: Callable[[asyncpg.Record], Awaitable[None]]
    most: int = 64
    only: str = ""


async def drive(pool: asyncpg.Pool, clock: Clock, jobs: tuple[Job, ...], poll_seconds: float = 0.1) -> None:
    """Run due rows of all `jobs` until cancelled. If a step raises, it is logged and tried again later.

    One statement in each `poll_seconds` asks which of the tables have due rows. Only these are claimed from.
    """
    due = [asyncio.Event() for _ in jobs]
    async with asyncio.TaskGroup() as group:
        group.create_task(_look(pool, clock, jobs, due, poll_seconds))
        for job, event in zip(jobs, due, strict=True):
            group.create_task(_drive_one(pool, clock, job, event))


async def _look(
    pool: asyncpg.Pool, clock: Clock, jobs: tuple[Job, ...], due: list[asyncio.Event], poll_seconds: float
) -> None:
    """Set the event of each job that has due rows."""
    ask = "SELECT " + ", ".join(f"EXISTS ({_due(job)})" for job in jobs)
    while True:
        try:
            found = await pool.fetchrow(ask, clock.now())
            for event, has_rows in zip(due, found, strict=True):
                if has_rows:
                    event.set()
            await asyncio.sleep(poll_seconds)
        except AWAY as error:
            log.warning("the database is away; the driver waits", error=type(error).__name__)
            await asyncio.sleep(0.2)


async def _drive_one(pool: asyncpg.Pool, clock: Clock, job: Job, due: asyncio.Event) -> None:
    """Run up to `job.most` steps at once. Claim more when half of them are done, so that a slow step does not block."""
    running: set[asyncio.Task[None]] = set()
    try:
        while True:
            await due.wait()
            due.clear()
            room, rows = job.most - len(running), []
            taken = time.monotonic()
            try:
                rows = await _claim(pool, clock.now(), job, room)
            except AWAY as error:
                log.warning("nothing was claimed", table=job.table, error=type(error).__name__)
            for row in rows:
                task = asyncio.create_task(_run(pool, job, row, taken))
                running.add(task)
                task.add_done_callback(running.discard)
            if len(rows) == room:
                due.set()
            while len(running) > job.most // 2:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in running:
            task.cancel()


async def run_due(pool: asyncpg.Pool, now: datetime, job: Job) -> int:
    """Claim the rows of `job` that are due at `now`, do one step of each concurrently, and return their number."""
    taken = time.monotonic()
    rows = await _claim(pool, now, job, job.most)
    await asyncio.gather(*(_run(pool, job, row, taken) for row in rows))
    return len(rows)


async def _claim(pool: asyncpg.Pool, now: datetime, job: Job, most: int) -> list[asyncpg.Record]:
    claim = _CLAIM.format(table=job.table, due=_due(job))
    return list(await pool.fetch(claim, now, LEASE, most))


def _due(job: Job) -> str:
    return _DUE.format(table=job.table, only=f" AND {job.only}" if job.only else "")


async def _run(pool: asyncpg.Pool, job: Job, row: asyncpg.Record, taken: float) -> None:
    try:
        await _guarded(pool, job, row, taken)
    except Exception:
        log.exception(
            "a step failed and will be tried again", table=job.table, key=[str(row[k]) for k in job.key]
        )
        with contextlib.suppress(*AWAY):
            await _hold(pool, job, row, BACK_OFF)


async def _guarded(pool: asyncpg.Pool, job: Job, row: asyncpg.Record, taken: float) -> None:
    step = asyncio.ensure_future(job.step(row))
    try:
        await _guard(pool, job, row, step, taken)
    except BaseException:
        step.cancel()
        raise


async def _guard(
    pool: asyncpg.Pool, job: Job, row: asyncpg.Record, step: "asyncio.Future[None]", taken: float
) -> None:
    """Wait for a step and renew its lease; `taken` is when the lease was requested, in seconds of `time.monotonic`."""
    until = safe_until(taken)
    held = True
    while not step.done():
        wait = until - time.monotonic()
        if wait <= 0:
            raise LeaseLost(f"{job.table}: a step took longer than its lease")
        await asyncio.wait({step}, timeout=min(wait, RENEW.total_seconds()) if held else wait)
        if held and not step.done():
            asked = time.monotonic()
            held = await _renewed(pool, job, row, until - asked)
            until = safe_until(asked) if held else until
    step.result()


async def _renewed(pool: asyncpg.Pool, job: Job, row: asyncpg.Record, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await _hold(pool, job, row, LEASE)
    except AWAY:  # a time-out is an OSError
        return False


async def _hold(pool: asyncpg.Pool, job: Job, row: asyncpg.Record, time_: timedelta) -> bool:
    key = " AND ".join(f"{column} = ${n}" for n, column in enumerate(job.key, start=3))
    hold = _HOLD.format(table=job.table, key=key)
    return await pool.fetchval(hold, row["fence"], time_, *(row[k] for k in job.key)) is not None
