"""Can each channel take money now? And a person's stop of one operation, with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.operations.today import day_bounds

queries = load(__package__, "channels.sql")

LATELY = timedelta(minutes=15)
_REASON_MAX = 200


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


@dataclass(frozen=True, slots=True)
class Act:
    """What an operator did: `act` is stop, open, query or refund; `target` an operation of a channel or a payment."""

    at: datetime
    operator: str
    act: str
    target: str
    reason: str


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


async def stop(
    pool: asyncpg.Pool, clock: Clock, channel: str, operation: str, reason: str, operator: str
) -> None:
    """Stop one operation of one channel for new requests. Stopping what is stopped changes nothing."""
    await _act(queries.stop, pool, clock, channel, operation, reason, operator)


async def open_again(
    pool: asyncpg.Pool, clock: Clock, channel: str, operation: str, reason: str, operator: str
) -> None:
    """End a stop. Opening what is open changes nothing."""
    await _act(queries.open, pool, clock, channel, operation, reason, operator)


async def _act(
    sql: str, pool: asyncpg.Pool, clock: Clock, channel: str, operation: str, reason: str, operator: str
) -> None:
    reason = reason.strip()
    if not 3 <= len(reason) <= _REASON_MAX:
        raise InvalidInput("reason", f"{len(reason)} characters", f"3 to {_REASON_MAX} characters")
    await pool.execute(sql, channel, operation, reason, operator, clock.now(), new_id(clock))


async def record(
    pool: asyncpg.Pool, clock: Clock, operator: str, act: str, target: str, reason: str = ""
) -> None:
    """Keep what an operator did."""
    await pool.execute(queries.record_act, new_id(clock), clock.now(), operator, act, target, reason)


async def acts(pool: asyncpg.Pool, limit: int = 20) -> tuple[Act, ...]:
    """Return the newest acts of operators."""
    return tuple(Act(**row) for row in await pool.fetch(queries.acts, limit))
