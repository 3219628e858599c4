"""Adjustments (人工调账): one person proposes a voucher, another approves exactly that, and it is posted once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.adjustments import allowed, evidence, posting
from zhangfang.adjustments.model import (
    ADJUSTMENT,
    PREFIX,
    Adjustment,
    Made,
    Making,
    NoAdjustment,
    made_of,
)
from zhangfang.approvals import Person, Proposal, check_limit
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id, prefixed
from zhangfang.ledger import LedgerClient

queries = posting.queries
_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Case:
    """An adjustment: what was proposed, the voucher that it became (None before its approval), and what undid it."""

    proposal: Proposal
    said: Adjustment
    made: Made | None
    undone: Made | None = None

    @property
    def id(self) -> str:
        """Return the id as people see it."""
        return prefixed(PREFIX, self.proposal.id)


async def propose(pool: asyncpg.Pool, clock: Clock, said: Adjustment, by: Person) -> UUID:
    """Propose an adjustment; return the proposal's id. Nothing is booked before another person approves it.

    Raises `InvalidInput`, `AboveLimit`, `NotAnOperator`.
    """
    said = await prepared(pool, said)
    id_ = new_id(clock)
    await _propose(pool, clock, id_, prefixed(PREFIX, id_), said, by)
    return id_


async def prepared(pool: asyncpg.Pool, said: Adjustment) -> Adjustment:
    """Return an adjustment as it can be proposed, with the lines of its voucher. Raises `InvalidInput`."""
    said = msgspec.structs.replace(said, reason=approvals.reason(said.reason), refers=said.refers.strip())
    making = _making(allowed.check(said))
    said = msgspec.structs.replace(said, voucher=allowed.preview(making))
    await _check_accounts(pool, making)
    await evidence.check(pool, said.files)
    return said


async def propose_reversal(pool: asyncpg.Pool, clock: Clock, of: UUID, reason: str, by: Person) -> UUID:
    """Propose to undo a posted adjustment (`of` is its proposal's id). Raises `NoAdjustment`, `InvalidInput`."""
    case = await get(pool, of)
    if case.made is None or not case.made.posted or case.said.reverses or case.undone:
        raise NoAdjustment(f"{case.id} cannot be reversed; allowed: one that is posted and not reversed yet")
    said = msgspec.structs.replace(
        case.said,
        reason=approvals.reason(reason),
        refers=case.id,
        files=(),
        voucher=allowed.preview(case.made.making, case.made.id),
        reverses=case.made.id,
    )
    id_ = new_id(clock)
    await _propose(pool, clock, id_, case.id, said, by)
    return id_


async def _propose(
    pool: asyncpg.Pool, clock: Clock, id_: UUID, target: str, said: Adjustment, by: Person
) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(queries.lock, by.id)
        before = await connection.fetchval(queries.proposed, by.id, clock.now() - _DAY)
        await check_limit(connection, ADJUSTMENT, by, "propose", said.amount, before)
        await approvals.propose(connection, clock, id_, ADJUSTMENT, target, said, by, said.reason)


async def approve(
    pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, id_: UUID, seen: str, by: Person
) -> str:
    """Approve an adjustment by its hash and post it; return `posted`, or why the ledger refused it.

    After a crash, the same call continues. Raises what `approvals.approve` raises, `NoAdjustment`, `NotAnswered`.
    """

    async def begin(connection: asyncpg.Connection, found: Proposal) -> None:
        said = found.holds(Adjustment)
        making = _making(said)
        await check_limit(connection, ADJUSTMENT, by, "approve", said.amount)
        if allowed.preview(making, said.reverses) != said.voucher:
            raise NoAdjustment(
                "the templates have changed since it was proposed; allowed: withdraw it, propose it again"
            )
        if said.reverses and await connection.fetchrow(queries.reversal_of, said.reverses):
            raise NoAdjustment("it is reversed already; allowed: withdraw this proposal")
        purpose = "reversal" if said.reverses else "adjustment"
        who = f"{found.proposed_by} and {by.id}"
        await posting.add(connection, clock, purpose, making, who, proposal=id_, reverses=said.reverses)

    found = await approvals.approve(pool, clock, id_, ADJUSTMENT, seen, by, begin)
    if found.result is not None:
        return found.result
    (row,) = await pool.fetch(queries.of_proposals, [id_])
    made = await posting.carry(pool, ledger, clock, row["id"])
    return await approvals.finish(pool, clock, found, made.result or "")


async def get(pool: asyncpg.Pool, id_: UUID) -> Case:
    """Return an adjustment by its proposal's id. Raises `NoAdjustment`."""
    try:
        found = await approvals.get(pool, id_)
    except approvals.NoProposal:
        raise NoAdjustment("id: there is no such adjustment") from None
    if found.kind != ADJUSTMENT:
        raise NoAdjustment("id: it is another kind of proposal")
    (case,) = await _cases(pool, [found])
    undone = made_of(await pool.fetchrow(queries.reversal_of, case.made.id)) if case.made else None
    return Case(found, case.said, case.made, undone)


async def listed(pool: asyncpg.Pool, *, every: bool = True) -> list[Case]:
    """Return the newest adjustments; without `every`, those that wait or are not carried out yet."""
    return await _cases(pool, await approvals.proposals(pool, kind=ADJUSTMENT, every=every))


async def _cases(pool: asyncpg.Pool, found: Sequence[Proposal]) -> list[Case]:
    rows = [made_of(row) for row in await pool.fetch(queries.of_proposals, [one.id for one in found])]
    made = {row.proposal: row for row in rows if row}
    return [Case(one, one.holds(Adjustment), made.get(one.id)) for one in found]


async def _check_accounts(pool: asyncpg.Pool, making: Making) -> None:
    known = allowed.accounts(making)
    for row in await pool.fetch(queries.missing, list(known)):
        raise InvalidInput(
            "accounts", f"{allowed.shown(known[row['id']])}, which is not open", "an account that is open"
        )


def _making(said: Adjustment) -> Making:
    return Making(said.template, said.amount, said.subjects)
