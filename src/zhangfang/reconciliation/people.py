"""Cures of breaks that need two people: one proposes, another one approves."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal
from zhangfang.fees import Ask, charge
from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.checks import is_number
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.sql import load
from zhangfang.merchants import FeeKind, get_merchant
from zhangfang.payments import Desk, StepKind, fill_in
from zhangfang.payments.store import Journal
from zhangfang.reconciliation import books
from zhangfang.reconciliation.returns import RETURNED, check_returnable, return_line
from zhangfang.reconciliation.rules import SEEN, BreakClass, cures

queries = load(__package__, "store.sql")

CURE = "cure"  # the kind of these proposals
MERCHANTS = "B2"  # the cure that books to a merchant


class Cure(msgspec.Struct, frozen=True):
    """A cure of a break, with the merchant to whom it books (B2)."""

    cure: str
    merchant: str | None = None


async def list_breaks(pool: asyncpg.Pool, *, cleared: bool = False) -> list[Any]:
    """Return the open breaks, oldest first; with `cleared`, the cleared ones too."""
    return list(await pool.fetch(queries.list_breaks, cleared))


async def propose(
    pool: asyncpg.Pool,
    clock: Clock,
    journal: Journal,
    break_id: UUID,
    cure: str,
    by: Person,
    merchant: str | None = None,
) -> UUID:
    """Propose a cure: B2 fills the payment in for `merchant`, B3 returns it, B7 and B8 write a difference off.

    Return the proposal's id. Raises `InvalidInput`, `NoProposal` if one is proposed already.
    """
    row = await _open(pool, break_id)
    await _check(pool, journal, row, cure, merchant)
    async with pool.acquire() as connection, connection.transaction():
        id_, said = new_id(clock), Cure(cure, merchant)
        if await connection.fetchval(queries.propose, break_id, cure, merchant, by.id, id_) is None:
            raise InvalidInput("break", "one whose cure has begun", "a break without a cure")
        await approvals.propose(connection, clock, id_, CURE, str(break_id), said, by, _told(row))
    return id_


async def _check(pool: asyncpg.Pool, journal: Journal, row: Any, cure: str, merchant: str | None) -> None:
    if cure not in cures(row):
        shape = f"for a break of class {row['class']} that is booked by {row['template'] or 'nothing'}"
        raise InvalidInput("cure", f"{cure} {shape}", ", ".join(cures(row)) or "none")
    if cure == MERCHANTS:
        if merchant is None:
            raise InvalidInput("merchant", "nothing", f"the merchant to which {cure} books")
        await _filling(pool, row, merchant)
    if cure == RETURNED:
        await check_returnable(pool, journal, row)


async def approve(desk: Desk, id_: UUID, seen: str, by: Person) -> str:
    """Approve a proposed cure by its hash, book it and clear the break; what stands in the proposal is booked.

    After a crash, the same call continues. Raises what `approvals.approve` raises, and `InvalidInput`.
    """
    today = settlement_day(desk.clock.now())

    async def begin(connection: asyncpg.Connection, found: Proposal) -> None:
        said, row = found.holds(Cure), await _open(connection, UUID(found.target))
        if said.cure == MERCHANTS:
            await _filling(connection, row, said.merchant or "")
        if await connection.fetchval(queries.cure_by_two, row["id"], said.cure, today) is None:
            raise InvalidInput("break", f"one that {row['cure']} now cures", "a break that is still open")

    found = await approvals.approve(desk.pool, desk.clock, id_, CURE, seen, by, begin)
    if found.result is not None:
        return found.result
    row = await desk.pool.fetchrow(queries.get_break, UUID(found.target))
    said = found.holds(Cure)
    if said.cure == RETURNED:  # the break is cleared when the payer has the money
        if row["cleared_at"] is None and row["cure"] == RETURNED:
            await return_line(desk.pool, desk.channels, desk.clock, row["id"], found.both)
    elif row["cleared_at"] is None:
        await _COURSES[said.cure](desk, row, found)
        await desk.pool.execute(queries.clear_break, row["id"], desk.clock.now(), found.both)
    return await approvals.finish(desk.pool, desk.clock, found, said.cure)


def _told(row: Any) -> str:
    return f"{row['class']} of {row['channel']}, {row['settle_date']}: {fen_to_yuan(row['difference'])}"


async def _open(pool: Any, break_id: UUID) -> Any:
    row = await pool.fetchrow(queries.get_break, break_id)
    if row is None or row["cleared_at"] is not None:
        raise InvalidInput("break", "an id that is not open", "the id of an open break")
    return row


async def _filling(pool: Any, row: Any, merchant: str) -> tuple[Any, str, int]:
    """Return the line to fill in, its order number and the fee. Raises `InvalidInput` if it cannot become a payment."""
    line = await pool.fetchrow(queries.line_of_break, row["channel"], row["settle_date"], row["key"])
    if line["adjustment"]:
        raise InvalidInput("cure", "B2 for an adjustment", "B8")
    held = await get_merchant(pool, merchant)
    ask = Ask(FeeKind.COLLECTION, row["channel"])
    fee = charge(held.fee_rules, ask, line["amount"], row["settle_date"])
    numbers = [number for number in (line["note"], line["order_no"]) if is_number(number)]
    if not numbers:
        raise InvalidInput("cure", "B2 for a line without a number that a payment can have", "B8")
    for number in numbers:
        taken = await pool.fetchval(queries.number_taken, row["id"], line["order_no"], merchant, number)
        if taken is None:
            return line, number, fee.fen
    raise InvalidInput("cure", f"B2, and payment {taken} has the line's number {line['order_no']}", "B8")


async def _fill_in(desk: Desk, row: Any, found: Proposal) -> None:
    """B2: the channel took money without a payment of ours. Fill the payment in.

    The ledger comes first: as soon as the journal has the payment it may be settled, and its money must be there.
    """
    merchant = found.holds(Cure).merchant or ""
    line, number, charge = await _filling(desk.pool, row, merchant)
    names = books.subjects(desk.alias, row["channel"], merchant)
    made = books.lines(
        "B2", row["cure_voucher"], names, row["cured_on"], memo=row["id"], G=line["amount"], F=charge
    )
    await books.book(desk.pool, desk.ledger, made)
    intent = await fill_in(
        desk.pool,
        desk.clock,
        desk.journal,
        merchant,
        channel=row["channel"],
        channel_order_no=line["order_no"],
        channel_ref=line["channel_ref"],
        order_no=number,
        amount=line["amount"],
        fee=charge,
        settle_date=row["settle_date"],
        ids=(row["id"], row["cure_voucher"]),
        evidence=(
            StepKind.PERSON,
            f"{found.proposed_by} proposed, {found.decided_by} approved; line {line['line_no']}",
        ),
    )
    if await desk.journal.by_id(intent) is None:
        raise books.NotBooked(f"break {row['id']} is booked by B2, but its number went to another payment")


async def _write_off(desk: Desk, row: Any, found: Proposal) -> None:
    """B7 or B8. A payment that no file lists then counts as listed: the loss is ours, not the merchant's."""
    names = books.subjects(desk.alias, row["channel"])
    amount, memo = abs(row["difference"]), row["intent"] or row["id"]
    cure = found.holds(Cure).cure
    made = books.lines(cure, row["cure_voucher"], names, row["cured_on"], memo=memo, amount=amount)
    await books.book(desk.pool, desk.ledger, made)
    if row["class"] == BreakClass.MISSING_THERE:
        now = desk.clock.now()
        await desk.pool.execute(queries.match_intents, [row["intent"]], row["settle_date"], now, [""])


async def _seen(_desk: Desk, _row: Any, _found: Proposal) -> None:
    """Book nothing: what the row says is dealt with by other breaks, or by a later file."""


_COURSES: dict[str, Callable[[Desk, Any, Proposal], Awaitable[None]]] = {
    SEEN: _seen,
    "B2": _fill_in,
    "B7": _write_off,
    "B8": _write_off,
}
