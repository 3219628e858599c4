"""Cures of breaks that need two people: one proposes, another one approves."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.approvals import SecondPerson, check_second, person
from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.checks import is_number
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load
from zhangfang.merchants import FeeKind, fee, get_merchant, rule_on
from zhangfang.payments import Desk, StepKind, fill_in
from zhangfang.payments.store import Journal
from zhangfang.reconciliation import books
from zhangfang.reconciliation.returns import RETURNED, check_returnable, return_line
from zhangfang.reconciliation.rules import SEEN, BreakClass, cures

queries = load(__package__, "store.sql")

MERCHANTS = "B2"  # the cure that books to a merchant


async def list_breaks(pool: asyncpg.Pool, *, cleared: bool = False) -> list[Any]:
    """Return the open breaks, oldest first; with `cleared`, the cleared ones too."""
    return list(await pool.fetch(queries.list_breaks, cleared))


async def propose(
    pool: asyncpg.Pool, journal: Journal, break_id: UUID, cure: str, by: str, merchant: str | None = None
) -> None:
    """Propose a cure: B2 fills the payment in for `merchant`, B3 returns it, B7 and B8 write a difference off."""
    by, row = person(by), await _open(pool, break_id)
    if cure not in cures(row):
        shape = f"for a break of class {row['class']} that is booked by {row['template'] or 'nothing'}"
        raise InvalidInput("cure", f"{cure} {shape}", ", ".join(cures(row)) or "none")
    if cure == MERCHANTS:
        if merchant is None:
            raise InvalidInput("merchant", "nothing", f"the merchant to which {cure} books")
        await _filling(pool, row, merchant)
    if cure == RETURNED:
        await check_returnable(pool, journal, row)
    if await pool.fetchval(queries.propose, break_id, cure, merchant, by) is None:
        raise InvalidInput("break", "one whose cure has begun", "a break without a cure")


async def approve(desk: Desk, break_id: UUID, by: str) -> None:
    """Approve a proposed cure, book it and clear the break. Raises `SecondPerson` if `by` has proposed it."""
    by = person(by)
    row = await _open(desk.pool, break_id)
    if row["proposed_by"] is None:
        raise SecondPerson("nobody has proposed a cure for this break yet")
    check_second(row["proposed_by"], by, "this cure")
    if row["proposed_cure"] == MERCHANTS:
        await _filling(desk.pool, row, row["proposed_for"])
    today = settlement_day(desk.clock.now())
    await desk.pool.execute(queries.cure_break, break_id, row["proposed_cure"], today)
    row = await _open(desk.pool, break_id)
    if row["cure"] != row["proposed_cure"]:
        raise InvalidInput("break", f"one that {row['cure']} now cures", "a break that is still open")
    both = f"{row['proposed_by']} and {by}"
    if row["cure"] == RETURNED:  # the break is cleared when the payer has the money
        await return_line(desk.pool, desk.channels, desk.clock, break_id, both)
        return
    await _COURSES[row["cure"]](desk, row, by)
    await desk.pool.execute(queries.clear_break, break_id, desk.clock.now(), both)


async def _open(pool: asyncpg.Pool, break_id: UUID) -> Any:
    row = await pool.fetchrow(queries.get_break, break_id)
    if row is None or row["cleared_at"] is not None:
        raise InvalidInput("break", "an id that is not open", "the id of an open break")
    return row


async def _filling(pool: asyncpg.Pool, row: Any, merchant: str) -> tuple[Any, str, int]:
    """Return the line to fill in, its order number and the fee. Raises `InvalidInput` if it cannot become a payment."""
    line = await pool.fetchrow(queries.line_of_break, row["channel"], row["settle_date"], row["key"])
    if line["adjustment"]:
        raise InvalidInput("cure", "B2 for an adjustment", "B8")
    held = await get_merchant(pool, merchant)
    charge = fee(rule_on(held.fee_rules, FeeKind.COLLECTION, row["settle_date"]), line["amount"])
    for number in filter(is_number, (line["note"], line["order_no"])):
        taken = await pool.fetchval(queries.number_taken, row["id"], line["order_no"], merchant, number)
        if taken is None:
            return line, number, charge
    raise InvalidInput("cure", f"B2, and payment {taken} has the line's number {line['order_no']}", "B8")


async def _fill_in(desk: Desk, row: Any, by: str) -> None:
    """B2: the channel took money without a payment of ours. Fill the payment in.

    The ledger comes first: as soon as the journal has the payment it may be settled, and its money must be there.
    """
    line, number, charge = await _filling(desk.pool, row, row["proposed_for"])
    names = books.subjects(desk.alias, row["channel"], row["proposed_for"])
    made = books.lines(
        "B2", row["cure_voucher"], names, row["cured_on"], memo=row["id"], G=line["amount"], F=charge
    )
    await books.book(desk.pool, desk.ledger, made)
    intent = await fill_in(
        desk.pool,
        desk.clock,
        desk.journal,
        row["proposed_for"],
        channel=row["channel"],
        channel_order_no=line["order_no"],
        channel_ref=line["channel_ref"],
        order_no=number,
        amount=line["amount"],
        fee=charge,
        settle_date=row["settle_date"],
        ids=(row["id"], row["cure_voucher"]),
        evidence=(StepKind.PERSON, f"{row['proposed_by']} proposed, {by} approved; line {line['line_no']}"),
    )
    if await desk.journal.by_id(intent) is None:
        raise books.NotBooked(f"break {row['id']} is booked by B2, but its number went to another payment")


async def _write_off(desk: Desk, row: Any, _by: str) -> None:
    """B7 or B8. A payment that no file lists then counts as listed: the loss is ours, not the merchant's."""
    names = books.subjects(desk.alias, row["channel"])
    amount, memo = abs(row["difference"]), row["intent"] or row["id"]
    made = books.lines(row["cure"], row["cure_voucher"], names, row["cured_on"], memo=memo, amount=amount)
    await books.book(desk.pool, desk.ledger, made)
    if row["class"] == BreakClass.MISSING_THERE:
        now = desk.clock.now()
        await desk.pool.execute(queries.match_intents, [row["intent"]], row["settle_date"], now, [""])


async def _seen(_desk: Desk, _row: Any, _by: str) -> None:
    """Book nothing: what the row says is dealt with by other breaks, or by a later file."""


_COURSES: dict[str, Callable[[Desk, Any, str], Awaitable[None]]] = {
    SEEN: _seen,
    "B2": _fill_in,
    "B7": _write_off,
    "B8": _write_off,
}
