"""A person stops one operation of one channel, with a reason, and opens it again."""

import asyncpg

from zhangfang import approvals
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load

queries = load(__package__, "stops.sql")


async def stop(
    pool: asyncpg.Pool, clock: Clock, channel: str, operation: str, reason: str, operator: str
) -> None:
    """Stop one operation of one channel for new requests. If it is stopped already, nothing changes."""
    await _act(queries.stop, pool, clock, channel, operation, reason, operator)


async def open_again(
    pool: asyncpg.Pool, clock: Clock, channel: str, operation: str, reason: str, operator: str
) -> None:
    """End a stop. If there is none, nothing changes."""
    await _act(queries.open, pool, clock, channel, operation, reason, operator)


async def _act(
    sql: str, pool: asyncpg.Pool, clock: Clock, channel: str, operation: str, reason: str, operator: str
) -> None:
    await pool.execute(
        sql, channel, operation, approvals.reason(reason), operator, clock.now(), new_id(clock)
    )
