"""The record of operators' acts. Rows are only added."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load

queries = load(__package__, "acts.sql")


@dataclass(frozen=True, slots=True)
class Act:
    """What an operator did: `act` is such as stop, open, query or refund; `target` names what it was done to."""

    at: datetime
    operator: str
    act: str
    target: str
    reason: str


async def record(
    db: asyncpg.Pool | asyncpg.Connection,
    clock: Clock,
    operator: str,
    act: str,
    target: str,
    reason: str = "",
) -> None:
    """Store an operator's act; `db` is a pool, or the connection of the transaction that carries the act out."""
    await db.execute(queries.record_act, new_id(clock), clock.now(), operator, act, target, reason)


async def acts(pool: asyncpg.Pool, limit: int = 20) -> tuple[Act, ...]:
    """Return the newest acts of operators."""
    return tuple(Act(**row) for row in await pool.fetch(queries.acts, limit))
