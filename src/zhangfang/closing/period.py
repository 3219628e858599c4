"""Closing a period (结账) and re-opening it (反结账). The ledger refuses entries with a date in a closed period.

Both take two people: one proposes, another approves the hash. A request is stored with the approval, then the ledger is
asked with the request's id as voucher. After a crash in between, the same approval finds the request and asks with the
same ids. Whoever closes needs a checklist without obstacles, but for soft items that both have excepted by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal
from zhangfang.closing import checklist, roll
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.ids import new_id, numbered
from zhangfang.kernel.sql import load
from zhangfang.ledger import LedgerClient, Result

queries = load(__package__, "period.sql")
CLOSE, REOPEN = "close", "reopen"
_MONTH_END = "month-end"  # the reason of a close that excepts nothing


class Closing(msgspec.Struct, frozen=True):
    """The dates up to `through` are closed, although the items of the checklist in `excepted` are not met."""

    through: date
    excepted: tuple[str, ...]
    reason: str


class Reopening(msgspec.Struct, frozen=True):
    """The dates after `to` are opened again."""

    to: date
    reason: str


class NotClosable(ZhangfangError):
    """A period cannot be closed or re-opened; the text names every obstacle."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A stored request. `seq` is the ledger's entry; if a request has ended without one, the ledger has refused it."""

    id: UUID
    what: str
    business_date: date
    asked_by: str
    reason: str
    asked_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    seq: int | None
    result: str | None
    ended_at: datetime | None


async def propose_closing(
    pool: asyncpg.Pool,
    clock: Clock,
    through: date,
    by: Person,
    excepted: Sequence[str] = (),
    reason: str = "",
) -> UUID:
    """Propose to close every date up to `through`; return the proposal's id. An exception needs a reason.

    Raises `NotClosable` (it is closed already, or there are obstacles), `InvalidInput`.
    """
    reason = approvals.reason(reason if excepted or reason else _MONTH_END)
    checklist.check_excepted(await checklist.check(pool, through, clock.now()), excepted)
    await _check_closable(pool, clock, through, excepted)
    async with pool.acquire() as connection, connection.transaction():
        id_, said = new_id(clock), Closing(through, tuple(excepted), reason)
        await approvals.propose(connection, clock, id_, CLOSE, f"books/{through}", said, by, reason)
    return id_


async def approve_closing(
    pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, id_: UUID, seen: str, by: Person
) -> str:
    """Approve another person's proposal by its hash and close the period. Raises what `approvals.approve` raises."""

    async def begin(connection: asyncpg.Connection, found: Proposal) -> None:
        said = found.holds(Closing)
        await _check_closable(connection, clock, said.through, said.excepted)
        await connection.execute(
            queries.begin_by_two, *_row(found, CLOSE, said.through, said.reason, by, clock)
        )

    return await _approve(pool, ledger, clock, id_, CLOSE, seen, by, begin)


async def _check_closable(
    db: asyncpg.Pool | asyncpg.Connection, clock: Clock, through: date, excepted: Sequence[str]
) -> None:
    closed = (await roll.standing(db, clock.now())).closed_through
    if closed is not None and through <= closed:
        raise NotClosable(f"the books are closed through {closed} already")
    found = await checklist.check(db, through, clock.now())
    if obstacles := checklist.in_the_way(found, excepted):
        raise NotClosable("; ".join(map(str, obstacles)))


async def propose_reopening(pool: asyncpg.Pool, clock: Clock, to: date, reason: str, by: Person) -> UUID:
    """Propose to re-open the dates after `to`; return the proposal's id. Nothing is opened before another approves it."""
    reason = approvals.reason(reason)
    await _check_openable(pool, clock, to)
    async with pool.acquire() as connection, connection.transaction():
        id_, said = new_id(clock), Reopening(to, reason)
        await approvals.propose(connection, clock, id_, REOPEN, f"books/{to}", said, by, reason)
    return id_


async def approve_reopening(
    pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, id_: UUID, seen: str, by: Person
) -> str:
    """Approve another person's proposal by its hash and open the period. Raises what `approvals.approve` raises."""

    async def begin(connection: asyncpg.Connection, found: Proposal) -> None:
        said = found.holds(Reopening)
        await _check_openable(connection, clock, said.to)
        await connection.execute(queries.outdated, said.to, clock.now())
        await connection.execute(queries.begin_by_two, *_row(found, REOPEN, said.to, said.reason, by, clock))

    return await _approve(pool, ledger, clock, id_, REOPEN, seen, by, begin)


async def _approve(
    pool: asyncpg.Pool,
    ledger: LedgerClient,
    clock: Clock,
    id_: UUID,
    kind: str,
    seen: str,
    by: Person,
    begin: approvals.Begin,
) -> str:
    """Store the approval with the request, ask the ledger, and store its answer as the proposal's result."""
    found = await approvals.approve(pool, clock, id_, kind, seen, by, begin)
    if found.result is None:
        row = await pool.fetchrow(queries.get, id_)
        answer = row["result"] or await _answered(pool, ledger, clock, row)
        await approvals.finish(pool, clock, found, answer)
    return (await approvals.get(pool, id_)).result or ""


def _row(found: Proposal, what: str, day: date, reason: str, by: Person, clock: Clock) -> tuple[Any, ...]:
    return found.id, day, found.proposed_by, reason, found.proposed_at, by.id, clock.now(), what


async def _check_openable(db: asyncpg.Pool | asyncpg.Connection, clock: Clock, to: date) -> None:
    closed = (await roll.standing(db, clock.now())).closed_through
    if closed is None or to >= closed:
        stands = f"the books are closed through {closed}" if closed else "no period is closed"
        raise NotClosable(f"{stands}: there is nothing to open after {to}")


async def requests(pool: asyncpg.Pool, limit: int = 20) -> tuple[Asked, ...]:
    """Return the requests: open ones first, then the newest."""
    return tuple(Asked(**row) for row in await pool.fetch(queries.listed, limit))


async def _answered(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, row: asyncpg.Record) -> str:
    """Ask the ledger with the stored ids and store its answer."""
    answer = await ledger.close_period(
        row["business_date"], id_=numbered(row["id"], 1), voucher=row["id"], reopen=row["what"] == REOPEN
    )
    done = answer.result in (Result.CREATED, Result.EXISTS)
    result = answer.result.name.lower()
    await pool.execute(queries.ended, row["id"], answer.seq if done else None, result, clock.now())
    return result
