"""What one operator may do alone: refunds and refusals of parked payouts count together, up to a limit in 24 hours."""

import hashlib
from datetime import timedelta
from uuid import UUID

import msgspec

from zhangfang.approvals import Person, record
from zhangfang.kernel.sql import load
from zhangfang.payments.desk import Desk

queries = load(__package__, "alone.sql")

_DAY = timedelta(days=1)


async def counted(
    desk: Desk, by: Person, alone: int, act: str, target: str, said: msgspec.Struct, fen: int, why: str
) -> UUID | None:
    """Record an act before it is done, so that two at once do not pass by the limit; None if it would go above it.

    `alone` is the limit and `fen` what this moves. The same `said` twice by one person is one act.
    """
    digest = hashlib.sha256(msgspec.json.encode(said)).digest()
    async with desk.pool.acquire() as connection, connection.transaction():
        await connection.execute(queries.lock, by.id)
        known: UUID | None = await connection.fetchval(queries.known, by.id, digest)
        if known:
            return known  # the same page, sent again
        if await connection.fetchval(queries.moved, by.id, desk.clock.now() - _DAY) + fen > alone:
            return None
        return await record(connection, desk.clock, by, act, target, why, digest=digest, fen=fen)
