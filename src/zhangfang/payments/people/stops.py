"""A person stops one operation of one channel, with a reason. Opening it again takes two, unless one takes back a slip."""

from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal, record, same_person
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load

queries = load(__package__, "stops.sql")

OPENING = "opening"  # the kind of these proposals


class Opening(msgspec.Struct, frozen=True):
    """The end of one stop: a later stop of the same operation is another one."""

    channel: str
    operation: str
    stopped_by: str
    stopped_at: datetime
    stopped_for: str
    reason: str


async def stop(
    pool: asyncpg.Pool, clock: Clock, channel: str, operation: str, reason: str, by: Person
) -> None:
    """Stop one operation of one channel for new requests. If it is stopped already, nothing changes."""
    reason = approvals.reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(queries.stop, channel, operation, reason, by.id, clock.now()):
            await record(connection, clock, by, "stop", _target(channel, operation), reason)


async def open_again(
    pool: asyncpg.Pool,
    clock: Clock,
    channel: str,
    operation: str,
    reason: str,
    by: Person,
    alone: timedelta = timedelta(0),
) -> UUID | None:
    """End a stop, or propose its end and return the proposal's id. If there is no stop, nothing changes.

    One person is enough to take back a stop of one's own that is younger than `alone`.
    """
    reason, target = approvals.reason(reason), _target(channel, operation)
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(queries.stopped, channel, operation)
        if row is None:
            return None
        stop = Opening(channel, operation, row["stopped_by"], row["stopped_at"], row["reason"], reason)
        if same_person(stop.stopped_by, by) and clock.now() - stop.stopped_at < alone:
            await connection.execute(queries.open, channel, operation, stop.stopped_at)
            await record(connection, clock, by, "open", target, reason)
            return None
        id_ = new_id(clock)
        await approvals.propose(connection, clock, id_, OPENING, target, stop, by, reason)
        return id_


async def approve_opening(pool: asyncpg.Pool, clock: Clock, id_: UUID, seen: str, by: Person) -> str:
    """Approve the end of a stop by its hash. Return how it ended: a stop that is over was ended by somebody else."""
    ended = None

    async def begin(connection: asyncpg.Connection, found: Proposal) -> None:
        nonlocal ended
        stop = found.holds(Opening)
        ended = await connection.fetchval(queries.open, stop.channel, stop.operation, stop.stopped_at)

    found = await approvals.approve(pool, clock, id_, OPENING, seen, by, begin)
    return await approvals.finish(pool, clock, found, "open again" if ended else "it was over already")


def _target(channel: str, operation: str) -> str:
    return f"{channel}/{operation}"
