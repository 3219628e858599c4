"""Closing a period (结账) and re-opening it (反结账). The ledger refuses entries with a date in a closed period.

A request is stored first, then the ledger is asked with the request's id as voucher. After a crash in between, the same
command finds the request and asks with the same ids. Closing needs one person and nothing open; re-opening needs two
people and a reason, which the database checks too.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from zhangfang import approvals
from zhangfang.closing import roll, trial
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import new_id, numbered
from zhangfang.kernel.sql import load
from zhangfang.ledger import LedgerClient, Result

queries = load(__package__, "period.sql")
CLOSE, REOPEN = "close", "reopen"


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


async def close(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, through: date, by: str) -> Asked:
    """Close every business date up to and including `through`, or finish a close of it that was interrupted.

    Raises `NotClosable` (it is closed already, or there are obstacles), `InvalidInput`, `LedgerUnavailable`.
    """
    by = approvals.person(by)
    begun = await pool.fetchrow(queries.open, CLOSE, through)
    if begun is None:
        closed = (await roll.standing(pool, clock.now())).closed_through
        if closed is not None and through <= closed:
            raise NotClosable(f"the books are closed through {closed} already")
        if found := await in_the_way(pool, through):
            raise NotClosable("; ".join(found))
        begun = await _begin(pool, clock, CLOSE, through, by, "")
    return await _ask(pool, ledger, clock, begun)


async def propose_reopening(pool: asyncpg.Pool, clock: Clock, to: date, reason: str, by: str) -> Asked:
    """Propose to re-open the dates after `to`. Nothing is opened until another person approves it."""
    by, reason = approvals.person(by), approvals.reason(reason)
    closed = (await roll.standing(pool, clock.now())).closed_through
    if closed is None or to >= closed:
        stands = f"the books are closed through {closed}" if closed else "no period is closed"
        raise NotClosable(f"{stands}: there is nothing to open after {to}")
    return Asked(**await _begin(pool, clock, REOPEN, to, by, reason))


async def approve_reopening(
    pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, id_: UUID, by: str
) -> Asked:
    """Approve another person's proposal and open the period. Raises `SecondPerson` if `by` has proposed it."""
    by = approvals.person(by)
    row = await pool.fetchrow(queries.get, id_)
    if row is None or row["what"] != REOPEN or row["ended_at"] is not None:
        raise InvalidInput("id", "one of no open proposal", "a proposal's id, as `books status` shows it")
    approvals.check_second(row["asked_by"], by, "this re-opening")
    approved = await pool.fetchrow(queries.approve, id_, by, clock.now())
    return await _ask(pool, ledger, clock, approved)


async def requests(pool: asyncpg.Pool, limit: int = 20) -> tuple[Asked, ...]:
    """Return the requests: open ones first, then the newest."""
    return tuple(Asked(**row) for row in await pool.fetch(queries.listed, limit))


async def _begin(
    pool: asyncpg.Pool, clock: Clock, what: str, day: date, by: str, reason: str
) -> asyncpg.Record:
    """Store a request, or find an open one of the same kind and date."""
    await pool.execute(queries.begin, new_id(clock), what, day, by, reason, clock.now())
    row = await pool.fetchrow(queries.open, what, day)
    if row is None:
        raise NotClosable(f"somebody has just done this for {day}; look at the books' status")
    return row


async def _ask(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, row: asyncpg.Record) -> Asked:
    """Ask the ledger with the stored ids and store its answer."""
    answer = await ledger.close_period(
        row["business_date"], id_=numbered(row["id"], 1), voucher=row["id"], reopen=row["what"] == REOPEN
    )
    done = answer.result in (Result.CREATED, Result.EXISTS)
    seq = answer.seq if done else None
    await pool.execute(queries.ended, row["id"], seq, answer.result.name.lower(), clock.now())
    if not done:
        raise NotClosable(f"the ledger refused it: {answer.result.name.lower()}")
    return Asked(**await pool.fetchrow(queries.get, row["id"]))
