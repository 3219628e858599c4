"""Proposals: one person proposes a content, another one approves it by its hash, and it is carried out once.

A context proposes inside its own transaction, and approves with what it stores at the same moment (`begin`). Then it
carries out what the stored content says, which may reach beyond the database, and stores the result. After a crash the
same call continues. Nothing of an approved proposal comes from a form.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import msgspec

from zhangfang.approvals.acts import record
from zhangfang.approvals.doors import demand
from zhangfang.approvals.operators import check_second
from zhangfang.approvals.people import NotAnOperator, Person, PersonKind
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.sql import load

queries = load(__package__, "proposals.sql")

PREFIX = "prp"
LEAST_DIGITS = 8  # of a hash that a person types
_LISTED = 200
C = TypeVar("C", bound=msgspec.Struct)


class NoProposal(ZhangfangError):
    """There is no such proposal, or it is not open any more; the text says which."""


class ItChanged(ZhangfangError):
    """What is approved is not what the person has looked at."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was proposed, and what became of it. `content` is JSON; its bytes are what `hash` is of."""

    id: UUID
    kind: str
    target: str
    content: str
    hash: bytes
    proposed_by: str
    proposed_at: datetime
    reason: str
    decision: str | None  # approve or withdraw; None: open
    decided_by: str | None
    decided_at: datetime | None
    result: str | None  # how it ended after it was approved; None: it did not yet
    done_at: datetime | None

    @property
    def seen(self) -> str:
        """Return the hash as people see it: 64 hexadecimal digits."""
        return self.hash.hex()

    def holds(self, what: type[C]) -> C:
        """Return the content."""
        return msgspec.json.decode(self.content, type=what)

    @property
    def both(self) -> str:
        """Return who proposed and who approved."""
        return f"{self.proposed_by} and {self.decided_by}"


async def propose(
    connection: asyncpg.Connection,
    clock: Clock,
    id_: UUID,
    kind: str,
    target: str,
    content: msgspec.Struct,
    by: Person,
    reason: str,
) -> str:
    """Store a proposal in the caller's transaction, as its last statement; return the hash of its content.

    Raises `NotAnOperator`; `NoProposal` if one of this kind is open for the target already.
    """
    await check_may_act(connection, by)
    text = msgspec.json.encode(content, order="deterministic").decode()
    digest = hashlib.sha256(text.encode()).digest()
    await connection.execute(queries.propose, id_, kind, target, text, digest, by.id, clock.now(), reason)
    await record(connection, clock, by, "propose", target, reason, proposal=id_, digest=digest)
    # Whoever proposes holds the end of the chain of acts now, so that of two at once the second sees the first.
    if other := await connection.fetchval(queries.another_open, kind, target, id_):
        raise NoProposal(f"{other} has proposed one already; allowed: approve it, or withdraw it first")
    return digest.hex()


Begin = Callable[[asyncpg.Connection, Proposal], Awaitable[object]]


async def approve(
    pool: asyncpg.Pool, clock: Clock, id_: UUID, kind: str, seen: str, by: Person, begin: Begin
) -> Proposal:
    """Store the approval and what `begin` stores, in one transaction; return the proposal, to be carried out.

    `seen` is the hash that the person has looked at, or its first digits. If it is approved already, nothing is stored:
    the first approver stays, and anybody but the proposer may carry it on. `begin` refuses by raising: then the proposal
    stays open. Raises `NoRight`, `SecondPerson`, `ItChanged`, `NotAnOperator`, `NoProposal`.
    """
    if by.kind is PersonKind.OPERATOR:
        await demand(pool, clock, by, "approve", kind)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(queries.lock, str(id_))
        found = await get(connection, id_)
        await _check(connection, found, kind, seen, by)
        await check_may_act(connection, by)
        if found.decision is None:
            await begin(connection, found)
            await record(
                connection, clock, by, "approve", found.target, found.reason, proposal=id_, digest=found.hash
            )
            found = await get(connection, id_)
    return found


async def withdraw(pool: asyncpg.Pool, clock: Clock, id_: UUID, by: Person) -> Proposal:
    """Withdraw a proposal that nobody has approved; anybody who may act may. Raises `NoProposal`, `NotAnOperator`."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(queries.lock, str(id_))
        return await withdraw_in(connection, clock, id_, by)


async def withdraw_in(
    connection: asyncpg.Connection, clock: Clock, id_: UUID, by: Person, why: str = ""
) -> Proposal:
    """Withdraw a proposal as the last statement of the caller's transaction, which holds the lock of what it is about."""
    await check_may_act(connection, by)
    found = await get(connection, id_)
    if found.decision == "approve":
        raise NoProposal("it is approved; allowed: approve it again, so that it is carried out")
    if found.decision is None:
        await record(connection, clock, by, "withdraw", found.target, why, proposal=id_, digest=found.hash)
    return found


async def finish(pool: asyncpg.Pool, clock: Clock, found: Proposal, result: str) -> str:
    """Store the result of what was carried out, once; return the one that is stored."""
    if found.result is None:
        try:
            by = found.decided_by or ""
            await record(pool, clock, by, "done", found.target, result, proposal=found.id, digest=found.hash)
        except asyncpg.UniqueViolationError:  # another process has carried it out at the same time
            pass
    return (await get(pool, found.id)).result or result


async def get(db: asyncpg.Pool | asyncpg.Connection, id_: UUID) -> Proposal:
    """Return a proposal. Raises `NoProposal`."""
    row = await db.fetchrow(queries.get, id_)
    if row is None:
        raise NoProposal(
            "id: there is no such proposal, or it is from before operators signed in: propose it again"
        )
    return Proposal(**row)


async def proposals(
    pool: asyncpg.Pool, *, kind: str | None = None, target: str | None = None, every: bool = False
) -> tuple[Proposal, ...]:
    """Return what waits for a second person or is not carried out yet, newest first; with `every`, the others too."""
    rows = await pool.fetch(queries.listed, kind, target, every, _LISTED)
    return tuple(Proposal(**row) for row in rows)


async def _check(db: Any, found: Proposal, kind: str, seen: str, by: Person) -> None:
    if found.kind != kind:
        raise NoProposal(f"it proposes another thing: {found.kind}")
    if found.decision == "withdraw":
        raise NoProposal(f"{found.decided_by} has withdrawn it")
    await check_second(db, found.proposed_by, by, "this")
    if len(seen) < LEAST_DIGITS or not found.seen.startswith(seen.lower()):
        shape = f"{len(seen)} characters that are not the hash of what is proposed: it changed since you looked at it"
        raise ItChanged(str(InvalidInput("hash", shape, "the hash as it is shown now: look at it again")))


async def check_may_act(db: Any, by: Person) -> None:
    """Raise `NotAnOperator` if a person is no operator, or one who is disabled."""
    if by.kind is not PersonKind.OPERATOR or not await db.fetchval(queries.may_act, by.id):
        raise NotAnOperator(f"{by.id} may not propose or approve; allowed: an operator who is not disabled")
