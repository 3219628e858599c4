"""The SQL of the cases, and of the step and the person's act that are stored with every change of a case."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.approvals import PLATFORM, Person, record
from zhangfang.duplicates.model import Case, CaseState, CaseStep, NoCase
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id, prefixed
from zhangfang.kernel.sql import load
from zhangfang.payments import Intent

queries = load(__package__, "store.sql")

PREFIX = "dup"

Connection = Any  # asyncpg's pool or one of its connections


@dataclass(frozen=True, slots=True)
class Masked:
    """A voucher that the merchant's statement leaves out; `net` is what it added to the balance, in fen."""

    voucher: UUID
    business_date: Any
    net: int
    lines: int


async def get(pool: asyncpg.Pool, id_: UUID) -> Case:
    """Return a case, or raise `NoCase`."""
    return _found(await pool.fetchrow(queries.get, id_))


async def lock(connection: Connection, id_: UUID) -> Case:
    """Return a case with its row locked until the transaction ends, or raise `NoCase`."""
    return _found(await connection.fetchrow(queries.lock, id_))


def _found(row: Any) -> Case:
    if row is None:
        raise NoCase("id: there is no such case")
    return Case.of(row)


async def cases(
    pool: asyncpg.Pool,
    states: Sequence[CaseState] | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> list[Case]:
    """Return up to `limit` cases (of some states, found before `before`), newest first."""
    rows = await pool.fetch(queries.listed, [s.value for s in states] if states else None, before, limit)
    return [Case.of(row) for row in rows]


async def counts(pool: asyncpg.Pool) -> dict[CaseState, tuple[int, int]]:
    """Return the number of cases in each state and the sum of their amounts, in fen."""
    return {CaseState(row["state"]): (row["count"], row["fen"]) for row in await pool.fetch(queries.counted)}


async def to_confirm(pool: asyncpg.Pool) -> list[UUID]:
    """Return the ids of all cases that wait for a person to confirm or dismiss them, oldest first."""
    return [row["id"] for row in await pool.fetch(queries.to_confirm)]


async def steps(pool: asyncpg.Pool, id_: UUID) -> list[CaseStep]:
    """Return everything that was done about a case, oldest first."""
    return [CaseStep(**row) for row in await pool.fetch(queries.steps, id_)]


async def masked(pool: asyncpg.Pool, id_: UUID) -> list[Masked]:
    """Return the vouchers of a case that the merchant's statement leaves out."""
    return [Masked(**row) for row in await pool.fetch(queries.masked, id_)]


async def line(pool: asyncpg.Pool, break_: UUID) -> Any:
    """Return the channel's line of a break, with the columns of `line_of_break`."""
    return await pool.fetchrow(queries.line_of_break, break_)


async def lock_pair(connection: Connection, goes: UUID, keep: UUID) -> tuple[Intent, Intent]:
    """Return the payment that goes back and the one that stays, the first with its row locked."""
    held = await connection.fetchrow(queries.lock_intent, goes)
    (other,) = await connection.fetch(queries.intents, [keep])
    return Intent.of(held), Intent.of(other)


async def note(
    clock: Clock,
    connection: Connection,
    case: UUID,
    act: str,
    text: str,
    by: Person = PLATFORM,
    voucher: UUID | None = None,
) -> None:
    """Store a step of a case; if a person did it, also among the operators' acts."""
    now = clock.now()
    await connection.execute(queries.add_step, new_id(clock), case, now, by.id, act, text, voucher)
    if by != PLATFORM:
        await record(connection, clock, by, f"duplicate_{act}", prefixed(PREFIX, case), text)
