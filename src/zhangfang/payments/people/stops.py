"""A person stops one operation of one channel, with a reason, and opens it again."""

import asyncpg

from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load

queries = load(__package__, "stops.sql")
_REASON_MAX = 200


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
