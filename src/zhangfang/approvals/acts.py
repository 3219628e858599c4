"""The record of people's acts: rows are only added, and the database chains them (see the migration `proposals`).

What is one transaction is recorded in it, by one row. What reaches beyond the database, or only reads, is recorded before
it is done, and its result in a second row after it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from zhangfang.approvals.people import Person
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load

queries = load(__package__, "acts.sql")

_RESULT_MAX = _TARGET_MAX = 200


@dataclass(frozen=True, slots=True)
class Act:
    """What a person did: `act` is such as stop, open, query or refund; `target` names what it was done to.

    `kind` is that of the proposal which was proposed, approved, withdrawn or done; `result` what a later row says.
    """

    at: datetime
    operator: str
    act: str
    target: str
    reason: str
    kind: str | None
    result: str | None


async def record(
    db: asyncpg.Pool | asyncpg.Connection,
    clock: Clock,
    by: Person | str,
    act: str,
    target: str,
    reason: str = "",
    *,
    proposal: UUID | None = None,
    digest: bytes | None = None,
    result_of: UUID | None = None,
    fen: int | None = None,
) -> UUID:
    """Store an act and return its id; `db` is a pool, or the connection of the transaction that carries the act out.

    In a transaction it comes last: all acts wait for one row, the chain's end, until the transaction is over. An act is
    recorded before its words are checked, so the target may be any text: it is cut, and what no text can hold is escaped.
    """
    id_, target = new_id(clock), target[:_TARGET_MAX].replace("\0", "\\0")
    await db.execute(
        queries.record_act, id_, clock.now(), str(by), act, target, reason, proposal, digest, result_of, fen
    )
    return id_


@asynccontextmanager
async def recorded(
    pool: asyncpg.Pool, clock: Clock, by: Person, act: str, target: str, reason: str = ""
) -> AsyncIterator[None]:
    """Record an act before the block runs, and after it how it ended."""
    async with ending(pool, clock, by, act, target, await record(pool, clock, by, act, target, reason)):
        yield


@asynccontextmanager
async def ending(
    pool: asyncpg.Pool, clock: Clock, by: Person, act: str, target: str, id_: UUID
) -> AsyncIterator[None]:
    """Record how an act ended that was recorded before the block. Errors of others go by their type alone."""
    result = "done"
    try:
        yield
    except BaseException as error:
        result = told(error)
        raise
    finally:
        await record(pool, clock, by, act, target, result, result_of=id_)


def told(error: BaseException) -> str:
    """Return how an act failed, for the record: the text of an error of ours, otherwise its type."""
    return str(error)[:_RESULT_MAX] if isinstance(error, ZhangfangError) else type(error).__name__


async def acts(pool: asyncpg.Pool, limit: int = 20) -> tuple[Act, ...]:
    """Return the newest acts that changed something; sign-ins, exports and views are in the table only."""
    return tuple(Act(**row) for row in await pool.fetch(queries.acts, limit))


async def acts_on(pool: asyncpg.Pool, target: str) -> tuple[Act, ...]:
    """Return what people did with one thing, oldest first; a proposal's end is a row of its own."""
    return tuple(Act(**row) for row in await pool.fetch(queries.acts_on, target))
