"""Cures that need two people: one proposes, another one approves. What stands in the proposal is booked."""

from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal
from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.sql import load
from zhangfang.ledger import Transfer
from zhangfang.payments import Desk
from zhangfang.payments.store import Journal
from zhangfang.reconciliation import books
from zhangfang.reconciliation.cures.back import go_back
from zhangfang.reconciliation.cures.model import CURE, Case, Cure
from zhangfang.reconciliation.cures.table import BACK, NEEDS, cures, limited_as
from zhangfang.reconciliation.cures.ways import WAYS

queries = load(__package__, "cures.sql")

_FIELD = {"account_number": "account", "account_name": "account"}  # the account is one token


async def list_breaks(pool: asyncpg.Pool, *, cleared: bool = False) -> list[Any]:
    """Return the open breaks, oldest first; with `cleared`, the cleared ones too."""
    return list(await pool.fetch(queries.list, cleared))


async def get_break(pool: Any, break_id: UUID, *, only_open: bool = True) -> Any:
    """Return a break with what its payment is. Raises `InvalidInput`."""
    row = await pool.fetchrow(queries.get, break_id)
    if row is None or (only_open and row["cleared_at"] is not None):
        raise InvalidInput("break", "an id that is not open", "the id of an open break")
    return row


async def propose(
    pool: asyncpg.Pool,
    clock: Clock,
    journal: Journal,
    break_id: UUID,
    cure: str | Cure,
    by: Person,
    merchant: str | None = None,
) -> UUID:
    """Propose a cure, which may be given with all that it needs; return the proposal's id.

    Raises `InvalidInput`, `AboveLimit`, and `NoProposal` if one is proposed already.
    """
    said = Cure(cure, merchant) if isinstance(cure, str) else cure
    case = Case(pool, journal, "", await get_break(pool, break_id), said)
    await check(case)
    async with pool.acquire() as connection, connection.transaction():
        id_ = new_id(clock)
        await approvals.check_limit(connection, limited_as(said.cure), by, "propose", case.amount)
        marked = await connection.fetchval(queries.propose, break_id, said.cure, said.merchant, by.id, id_)
        if marked is None:
            raise InvalidInput("break", "one whose cure has begun", "a break without a cure")
        await approvals.propose(connection, clock, id_, CURE, str(break_id), said, by, _told(case.row))
    return id_


async def check(case: Case) -> None:
    """Raise `InvalidInput` if the break cannot have the cure, or something that the cure needs is not said."""
    row, said = case.row, case.said
    if said.cure not in cures(row):
        shape = f"for a break of class {row['class']} that is booked by {row['template'] or 'nothing'}"
        raise InvalidInput("cure", f"{said.cure} {shape}", ", ".join(cures(row)) or "none")
    for need in NEEDS.get(said.cure, ()):
        if not getattr(said, _FIELD.get(need, need)):
            raise InvalidInput(need, "nothing", f"what {said.cure} needs: {_WANTS[need]}")
    if said.proof:
        approvals.text("proof", said.proof, 3, 200)
    await WAYS[said.cure].check(case)


_WANTS = {
    "merchant": "the merchant to which it books",
    "proof": "where the proof is, such as a letter's number",
    "channel": "the channel that settled",
    "day": "the date that it settled",
    "payment": "the payment, refund or payout that it is",
    "account_number": "the account to which the money goes back",
    "account_name": "whose account it is",
}


async def preview(desk: Desk, break_id: UUID, said: Cure) -> list[list[Transfer]]:
    """Return the vouchers that a cure would book now. Raises what `propose` raises."""
    case = Case(desk.pool, desk.journal, desk.alias, await get_break(desk.pool, break_id), said)
    await check(case)
    return await WAYS[said.cure].vouchers(case, settlement_day(desk.clock.now()))


async def approve(desk: Desk, id_: UUID, seen: str, by: Person) -> str:
    """Approve a proposed cure by its hash, book it and clear the break; what stands in the proposal is booked.

    After a crash, the same call continues. Raises what `approvals.approve` raises, and `InvalidInput`.
    """

    async def start(connection: asyncpg.Connection, found: Proposal) -> None:
        said, row = found.holds(Cure), await get_break(connection, UUID(found.target))
        await approvals.check_limit(connection, limited_as(said.cure), by, "approve", abs(row["difference"]))
        await begin(connection, desk, row["id"], said)

    found = await approvals.approve(desk.pool, desk.clock, id_, CURE, seen, by, start)
    if found.result is not None:
        return found.result
    result = await carry_out(desk, UUID(found.target), found.holds(Cure), found.both)
    return await approvals.finish(desk.pool, desk.clock, found, result)


async def begin(connection: asyncpg.Connection, desk: Desk, break_id: UUID, said: Cure) -> None:
    """Let a break have its cure, in the transaction of the approval. Raises `InvalidInput`: then it stays as it is."""
    row, today = await get_break(connection, break_id), settlement_day(desk.clock.now())
    case = Case(desk.pool, desk.journal, desk.alias, row, said)
    if row["cure"] is None:
        await check(case)
    if await connection.fetchval(queries.begin, break_id, said.cure, today) is None:
        raise InvalidInput("break", f"one that {row['cure']} now cures", "a break that is still open")
    await WAYS[said.cure].begin(connection, desk, case)


async def carry_out(desk: Desk, break_id: UUID, said: Cure, both: str) -> str:
    """Do what a cure does that has begun, and return how it ended: the cure, or why the ledger refused it for good."""
    row = await get_break(desk.pool, break_id, only_open=False)
    case = Case(desk.pool, desk.journal, desk.alias, row, said)
    if row["cleared_at"] is not None or row["cure"] != said.cure:
        return said.cure
    if said.cure in BACK:  # the break is cleared when the payer has the money
        await go_back(desk, case, both)
        return said.cure
    way = WAYS[said.cure]
    await way.before(desk, case, both)
    if refusal := await _booked(desk, case, row["cured_on"]):
        note = f"{said.cure} was refused: {refusal}"
        await desk.pool.execute(queries.refused, row["id"], new_id(desk.clock), note)
        return note
    await way.after(desk, case, both)
    await desk.pool.execute(queries.clear, row["id"], desk.clock.now(), both)
    return said.cure


async def _booked(desk: Desk, case: Case, day: date) -> str:
    """Book the cure's vouchers; return why the first was refused for good, an empty text if it was not."""
    for n, one in enumerate(await WAYS[case.said.cure].vouchers(case, day)):
        try:
            await books.book(desk.pool, desk.ledger, one)
        except books.NotBooked as error:
            if n or not error.for_good:
                raise
            return error.for_good
    return ""


def _told(row: Any) -> str:
    return f"{row['class']} of {row['channel']}, {row['settle_date']}: {fen_to_yuan(row['difference'])}"


def shown(said: Cure) -> dict[str, Any]:
    """Return what a cure says, by name, without its token."""
    return {
        name: value for name, value in msgspec.structs.asdict(said).items() if value and name != "account"
    }
