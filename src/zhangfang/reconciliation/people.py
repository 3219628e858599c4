"""Cures that need two people: one proposes, another approves, and nobody approves their own."""

from typing import Any
from uuid import UUID

from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.sql import load
from zhangfang.merchants import FeeKind, fee, get_merchant, rule_on
from zhangfang.payments import Desk, StepKind, fill_in
from zhangfang.reconciliation import books

queries = load(__package__, "store.sql")

CURES = {  # class → cures that people may choose, and whether they need a merchant
    "missing_here": {"B2": True, "B8": False},
    "duplicate": {"B8": False},
    "amount_differs": {"B8": False},
    "missing_there": {"B7": False},
}


class TwoPeople(ZhangfangError):
    """A cure is proposed by one person and approved by another."""


async def propose(desk: Desk, break_id: UUID, cure: str, by: str, merchant: str | None = None) -> None:
    """Propose a cure: B2 fills the payment in for `merchant`, B7 and B8 write a difference off."""
    row = await _open(desk, break_id)
    allowed = CURES.get(row["class"], {})
    if cure not in allowed:
        raise InvalidInput(
            "cure", cure, f"for a break of class {row['class']}: {', '.join(allowed) or 'none'}"
        )
    if allowed[cure] and merchant is None:
        raise InvalidInput("merchant", "nothing", f"{cure} books to a merchant: name it")
    await desk.pool.execute(queries.propose, break_id, cure, merchant, by)


async def approve(desk: Desk, break_id: UUID, by: str) -> None:
    """Approve a proposed cure, book it and clear the break. Raises `TwoPeople` for one's own proposal."""
    row = await _open(desk, break_id)
    if row["proposed_by"] is None:
        raise TwoPeople("nobody has proposed a cure for this break yet")
    if row["proposed_by"] == by:
        raise TwoPeople(f"{by} proposed this cure; another person has to approve it")
    cured_on = desk.clock.now().date()
    await desk.pool.execute(queries.cure_break, break_id, row["proposed_cure"], cured_on)
    row = await _open(desk, break_id)
    await _COURSES[row["cure"]](desk, row, by)
    await desk.pool.execute(queries.clear_break, break_id, desk.clock.now(), f"{row['proposed_by']} and {by}")


async def _open(desk: Desk, break_id: UUID) -> Any:
    row = await desk.pool.fetchrow(queries.get_break, break_id)
    if row is None or row["cleared_at"] is not None:
        raise InvalidInput("break", "an id that is not open", "the id of an open break")
    return row


async def _fill_in(desk: Desk, row: Any, by: str) -> None:
    """B2: the channel took money that nobody here asked for; it becomes the payment it was meant to be."""
    line = await desk.pool.fetchrow(queries.line_of_break, row["channel"], row["settle_date"], row["key"])
    merchant = await get_merchant(desk.pool, row["proposed_for"])
    rule = rule_on(merchant.fee_rules, FeeKind.COLLECTION, row["settle_date"])
    charge = fee(rule, line["amount"])
    intent = await fill_in(
        desk,
        merchant.id,
        channel=row["channel"],
        channel_order_no=line["order_no"],
        channel_ref=line["channel_ref"],
        order_no=line["note"] or line["order_no"],
        amount=line["amount"],
        fee=charge,
        settle_date=row["settle_date"],
        ids=(row["id"], row["cure_voucher"]),
        evidence=(StepKind.PERSON, f"{row['proposed_by']} proposed, {by} approved; line {line['line_no']}"),
    )
    names = books.subjects(desk.alias, row["channel"], merchant.id)
    made = books.lines(
        "B2", row["cure_voucher"], names, row["cured_on"], memo=intent, G=line["amount"], F=charge
    )
    await books.book(desk, made)


async def _write_off(desk: Desk, row: Any, _by: str) -> None:
    names = books.subjects(desk.alias, row["channel"])
    amount = abs(row["difference"])
    memo = row["intent"] or row["id"]
    await books.book(
        desk, books.lines(row["cure"], row["cure_voucher"], names, row["cured_on"], memo=memo, amount=amount)
    )


_COURSES = {"B2": _fill_in, "B7": _write_off, "B8": _write_off}
