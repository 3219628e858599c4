"""Closing a period (结账) and re-opening it (反结账). The ledger refuses entries with a date in a closed period.

A request is stored first, then the ledger is asked with the request's id as voucher. After a crash in between, the same
command finds the request and asks with the same ids. Closing needs one person and nothing open; re-opening needs two
people and a reason, which the database checks too.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal
from zhangfang.closing import roll, trial
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.ids import new_id, numbered
from zhangfang.kernel.sql import load
from zhangfang.ledger import LedgerClient, Result

queries = load(__package__, "period.sql")
CLOSE, REOPEN = "close", "reopen"


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


async def in_the_way(pool: asyncpg.Pool, through: date) -> list[str]:
    """Return a text for each obstacle to closing the books through a business date."""
    row = await pool.fetchrow(queries.in_the_way, through)
    found = []
    if row["unrolled"]:
        found.append(f"business date {through} is not rolled")
    if row["intents"]:
        found.append(f"{row['intents']} intents up to {through} have no outcome yet")
    if gap := trial.gap(await trial.trial_balance(pool, through)):
        found.append(f"the trial balance of {through} differs by {gap} fen")
    return found


async def close(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, through: date, by: Person) -> Asked:
    """Close every business date up to and including `through`, or finish a close of it that was interrupted.

    Raises `NotClosable` (it is closed already, or there are obstacles), `InvalidInput`, `LedgerUnavailable`.
    """
    async with approvals.recorded(pool, clock, by, "close books", f"books/{through}"):
        return await _close(pool, ledger, clock, through, by)


async def _close(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, through: date, by: Person) -> Asked:
    begun = await pool.fetchrow(queries.open, CLOSE, through)
    if begun is None:
        closed = (await roll.standing(pool, clock.now())).closed_through
        if closed is not None and through <= closed:
            raise NotClosable(f"the books are closed through {closed} already")
        if found := await in_the_way(pool, through):
            raise NotClosable("; ".join(found))
        begun = await _begin(pool, clock, CLOSE, through, by, "")
    return await _ask(pool, ledger, clock, begun)


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
        await connection.execute(
            queries.begin_by_two,
            id_,
            said.to,
            found.proposed_by,
            said.reason,
            found.proposed_at,
            by.id,
            clock.now(),
        )

    found = await approvals.approve(pool, clock, id_, REOPEN, seen, by, begin)
    if found.result is None:
        row = await pool.fetchrow(queries.get, id_)
        answer = row["result"] or await _answered(pool, ledger, clock, row)
        await approvals.finish(pool, clock, found, answer)
    return (await approvals.get(pool, id_)).result or ""


async def _check_openable(db: asyncpg.Pool | asyncpg.Connection, clock: Clock, to: date) -> None:
    closed = (await roll.standing(db, clock.now())).closed_through
    if closed is None or to >= closed:
        stands = f"the books are closed through {closed}" if closed else "no period is closed"
        raise NotClosable(f"{stands}: there is nothing to open after {to}")


async def requests(pool: asyncpg.Pool, limit: int = 20) -> tuple[Asked, ...]:
    """Return the requests: open ones first, then the newest."""
    return tuple(Asked(**row) for row in await pool.fetch(queries.listed, limit))


async def _begin(
    pool: asyncpg.Pool, clock: Clock, what: str, day: date, by: Person, reason: str
) -> asyncpg.Record:
    """Store a request, or find an open one of the same kind and date."""
    await pool.execute(queries.begin, new_id(clock), what, day, by.id, reason, clock.now())
    row = await pool.fetchrow(queries.open, what, day)
    if row is None:
        raise NotClosable(f"somebody has just done this for {day}; look at the books' status")
    return row


async def _ask(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, row: asyncpg.Record) -> Asked:
    """Ask the ledger to close, and return the request with its answer. Raises `NotClosable`."""
    answer = await _answered(pool, ledger, clock, row)
    done = Asked(**await pool.fetchrow(queries.get, row["id"]))
    if done.seq is None:
        raise NotClosable(f"the ledger refused it: {answer}")
    return done


async def _answered(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, row: asyncpg.Record) -> str:
    """Ask the ledger with the stored ids and store its answer."""
    answer = await ledger.close_period(
        row["business_date"], id_=numbered(row["id"], 1), voucher=row["id"], reopen=row["what"] == REOPEN
    )
    done = answer.result in (Result.CREATED, Result.EXISTS)
    result = answer.result.name.lower()
    await pool.execute(queries.ended, row["id"], answer.seq if done else None, result, clock.now())
    return result
