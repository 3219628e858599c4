"""Who works on a break, and what people say of it. One person is enough: nothing moves. Each act is recorded."""

from typing import Any
from uuid import UUID

import asyncpg

from zhangfang import approvals
from zhangfang.approvals import Person, record
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load

queries = load(__package__, "work.sql")

TOLD_MAX = 500  # characters of a comment


async def take(pool: asyncpg.Pool, clock: Clock, break_id: UUID, by: Person) -> None:
    """Take a break that nobody has. Raises `InvalidInput`, `NotAnOperator`."""
    async with pool.acquire() as connection, connection.transaction():
        row = await _open(connection, break_id, by)
        if row["owner"] not in (None, by.id):
            raise InvalidInput(
                "break", f"one that {row['owner']} has", "one that nobody has; or let it be handed over"
            )
        if row["owner"] is None:
            await connection.execute(queries.give, break_id, by.id)
            await record(connection, clock, by, "take break", str(break_id))


async def hand(pool: asyncpg.Pool, clock: Clock, break_id: UUID, to: str, by: Person) -> None:
    """Hand a break over to another operator, whoever has it now. Raises `InvalidInput`, `NotAnOperator`."""
    person = approvals.operator(approvals.text("to", to, 1, 40))
    async with pool.acquire() as connection, connection.transaction():
        row = await _open(connection, break_id, by)
        if not await connection.fetchval(queries.works_here, person.id):
            raise InvalidInput("to", "a name that no operator has", "an operator who is not disabled")
        if row["owner"] != person.id:
            await connection.execute(queries.give, break_id, person.id)
            await record(connection, clock, by, "hand break", str(break_id), person.id)


async def comment(pool: asyncpg.Pool, clock: Clock, break_id: UUID, text: str, by: Person) -> None:
    """Say something of a break, a cleared one too. Raises `InvalidInput`, `NotAnOperator`."""
    said = approvals.text("text", " ".join(text.split()), 1, TOLD_MAX)
    async with pool.acquire() as connection, connection.transaction():
        await _open(connection, break_id, by, cleared_too=True)
        await record(connection, clock, by, "comment break", str(break_id), said)


async def _open(connection: Any, break_id: UUID, by: Person, *, cleared_too: bool = False) -> Any:
    """Return a break, locked. Raises `InvalidInput`, `NotAnOperator`."""
    await approvals.check_may_act(connection, by)
    row = await connection.fetchrow(queries.lock, break_id)
    if row is None or (row["cleared_at"] is not None and not cleared_too):
        raise InvalidInput("break", "an id that is not open", "the id of an open break")
    return row
