"""B2: the channel took money without a payment of ours, and two people know whose it is. The payment is filled in."""

from datetime import date
from typing import Any

from zhangfang.fees import Ask, Charge, charge
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load
from zhangfang.kernel.text.checks import is_number
from zhangfang.ledger import Transfer
from zhangfang.merchants import FeeKind, get_merchant
from zhangfang.payments import Desk, StepKind, fill_in
from zhangfang.reconciliation import books
from zhangfang.reconciliation.cures.model import Case

queries = load("zhangfang.reconciliation", "store.sql")


async def check(case: Case) -> None:
    """Raise `InvalidInput` if the line cannot become a payment of the merchant."""
    await _filling(case)


async def _filling(case: Case) -> tuple[Any, str, Charge]:
    """Return the line to fill in, its order number and the fee, which B2 takes at once unless it is billed later."""
    row, merchant = case.row, case.said.merchant or ""
    line = await case.pool.fetchrow(queries.line_of_break, row["channel"], row["settle_date"], row["key"])
    if line["adjustment"]:
        raise InvalidInput("cure", "B2 for an adjustment", "B8")
    held = await get_merchant(case.pool, merchant)
    ask = Ask(FeeKind.COLLECTION, row["channel"])
    fee = charge(held.fee_rules, ask, line["amount"], row["settle_date"])
    numbers = [number for number in (line["note"], line["order_no"]) if is_number(number)]
    if not numbers:
        raise InvalidInput("cure", "B2 for a line without a number that a payment can have", "B8")
    for number in numbers:
        taken = await case.pool.fetchval(queries.number_taken, row["id"], line["order_no"], merchant, number)
        if taken is None:
            return line, number, fee
    raise InvalidInput("cure", f"B2, and payment {taken} has the line's number {line['order_no']}", "B8")


async def vouchers(case: Case, day: date) -> list[list[Transfer]]:
    """Return the payment's voucher. It is booked before the payment is stored: as soon as the journal has the payment it
    may be settled, and its money must be there.
    """
    line, _, fee = await _filling(case)
    names = books.subjects(case.alias, case.row["channel"], case.said.merchant or "")
    return [books.lines("B2", case.voucher, names, day, memo=case.row["id"], G=line["amount"], F=fee.fen)]


async def after(desk: Desk, case: Case, both: str) -> None:
    """Store the payment with its evidence."""
    row = case.row
    line, number, fee = await _filling(case)
    intent = await fill_in(
        desk.pool,
        desk.clock,
        desk.journal,
        case.said.merchant or "",
        channel=row["channel"],
        channel_order_no=line["order_no"],
        channel_ref=line["channel_ref"],
        order_no=number,
        amount=line["amount"],
        fee=fee,
        settle_date=row["settle_date"],
        ids=(row["id"], row["cure_voucher"]),
        evidence=(StepKind.PERSON, f"{both}; line {line['line_no']}"),
    )
    if await desk.journal.by_id(intent) is None:
        raise books.NotBooked(f"break {row['id']} is booked by B2, but its number went to another payment")
