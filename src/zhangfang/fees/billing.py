"""Fees that are billed after the month (F4): a bill for each merchant, whose lines sum to it; then how it is paid.

Everything is stored before it is posted, so each function here can be called again after a crash. A payment whose success
is proven later than its month's bill stands in the next bill.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal
from zhangfang.fees.bill_lines import Unbilled, bill_lines
from zhangfang.fees.choice import on_refund
from zhangfang.fees.month import end_of, not_over
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import new_id, parse, prefixed
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.sql import load
from zhangfang.ledger import LedgerClient, Result, Transfer, exchanged, open_accounts, voucher
from zhangfang.merchants import Merchant, OnRefund, get_merchant, terms_on

queries = load(__package__, "billing.sql")

PREFIX = "bil"
MOST_LINES = 1000
TAKING = "fee bill"  # the kind of the proposals to take a bill from available money
PLATFORM = "platform"
Book = Callable[[asyncpg.Pool, LedgerClient, Sequence[Transfer]], Awaitable[Any]]  # as payments.book
_ALL_BACK = ("V1", "U1", "U2")  # voids and duplicates
_DONE = (Result.CREATED, Result.EXISTS)


class NotBilled(ZhangfangError):
    """A month cannot be billed yet, or a bill cannot be paid; the text says why."""


class Taking(msgspec.Struct, frozen=True):
    """A bill that is to be taken from the merchant's available money. Fen."""

    bill: str
    merchant: str
    amount: int
    reason: str


async def bill_month(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, book: Book, month: date) -> int:
    """Make and post the bills of a month, and take those that the contract lets be taken; return how many were made.

    Raises `NotBilled` while the month is not over or a payment of it that will be billed has no outcome yet.
    """
    last = end_of(month)
    if text := not_over(clock, month):
        raise NotBilled(text)
    if open_ := await pool.fetchval(queries.still_open, last):
        raise NotBilled(f"{open_} payments up to {last} have no outcome yet")
    made = 0
    for row in await pool.fetch(queries.to_bill, last):
        made += await _make(pool, clock, await get_merchant(pool, row["merchant"]), month)
    for bill in await pool.fetch(queries.unposted):
        await _post(pool, ledger, clock, book, bill)
    for bill in await pool.fetch(queries.unpaid):
        await take(pool, ledger, clock, book, bill["id"])
    return made


async def _make(pool: asyncpg.Pool, clock: Clock, merchant: Merchant, month: date) -> bool:
    """Store a merchant's bill with its lines; False if it has one of this month already: the rest waits for the next."""
    async with pool.acquire() as db, db.transaction():
        rows = await db.fetch(queries.lock_unbilled, merchant.id, end_of(month))
        lines = bill_lines(
            {rule.id: rule for rule in merchant.fee_rules}, [_item(merchant, row) for row in rows]
        )
        if not lines:
            return False
        id_, amount, automatic = (
            new_id(clock),
            sum(lines.values()),
            all(r["fee_taken"] == "available" for r in rows),
        )
        ids = (id_, merchant.id, month, amount, len(lines), automatic, new_id(clock), clock.now())
        if await db.fetchval(queries.add_bill, *ids) is None:
            return False
        await db.execute(
            queries.add_lines, id_, list(lines), list(lines.values()), list(range(1, len(lines) + 1))
        )
        await db.execute(queries.mark, id_, list(lines))
    return True


def _item(merchant: Merchant, row: Any) -> Unbilled:
    if row["original"] is None:
        return Unbilled(row["id"], row["amount"], row["fee_rule"])
    kept = terms_on(merchant, china_day(row["original_at"])).keep_fee_on_refund
    how = on_refund(merchant.fee_rules, row["original_rule"], kept=kept)
    return Unbilled(
        row["id"], row["amount"], row["fee_rule"], row["original"], row["original_amount"], row["original_fee"],
        row["refunded"], row["given"], OnRefund.WHOLE if row["template"] in _ALL_BACK else how,
    )  # fmt: skip


async def _post(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, book: Book, bill: Any) -> None:
    await open_accounts(ledger, {1122: bill["merchant"]})
    answers = (
        (await book(pool, ledger, _lines("F4", bill["voucher"], bill, clock))).answers
        if bill["amount"]
        else ()
    )
    assert all(answer.result in _DONE for answer in answers), f"fee bill {bill['id']}: {answers}"
    await pool.execute(queries.posted, bill["id"], clock.now())


async def take(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, book: Book, bill_id: UUID) -> str:
    """Take a bill from available money; return how it ended. What is not there is not taken, and may be tried again.

    The voucher's id is stored before the try; only a proven refusal of the ledger gives the next try another one.
    """
    id_ = await pool.fetchval(queries.begin_payment, bill_id, new_id(clock))
    bill = await pool.fetchrow(queries.bill, bill_id)
    if id_ is None:
        return "it was paid before"
    answers = (await book(pool, ledger, _lines("F4.available", id_, bill, clock))).answers
    if all(answer.result in _DONE for answer in answers):
        await pool.execute(queries.paid, bill_id, clock.now(), id_)
        return f"{fen_to_yuan(bill['amount'])} taken from available money"
    await pool.execute(queries.not_paid, bill_id, id_)
    return f"not taken: {next(a.result.name for a in answers if a.result not in _DONE)}"


def _lines(template: str, id_: UUID, bill: Any, clock: Clock) -> list[Transfer]:
    """Return a bill's voucher; its sides are exchanged if the bill gives back. F4 belongs to the month's last day."""
    day = end_of(bill["month"]) if template == "F4" else china_day(clock.now())
    who = {1122: bill["merchant"], 2322: bill["merchant"], 6001: PLATFORM, 2361: PLATFORM, 1222: PLATFORM}
    made = voucher(
        template, id_, subjects=who, amounts={"F": abs(bill["amount"])}, business_date=day, memo=bill["id"]
    )
    return made if bill["amount"] >= 0 else exchanged(made)


async def propose_taking(pool: asyncpg.Pool, clock: Clock, bill_id: UUID, by: Person, reason: str) -> UUID:
    """Propose to take a posted bill from the merchant's available money; return the proposal's id."""
    bill = await pool.fetchrow(queries.bill, bill_id)
    if bill is None or bill["posted_at"] is None or bill["paid_at"] is not None:
        raise InvalidInput(
            "bill", "one that is not there, not posted or paid", "a posted bill that is not paid"
        )
    shown = prefixed(PREFIX, bill_id)
    said, id_ = Taking(shown, bill["merchant"], bill["amount"], approvals.reason(reason)), new_id(clock)
    async with pool.acquire() as connection, connection.transaction():
        await approvals.propose(connection, clock, id_, TAKING, shown, said, by, said.reason)
    return id_


async def approve_taking(
    pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, book: Book, id_: UUID, seen: str, by: Person
) -> str:
    """Approve it by its hash, and take the bill. What the ledger refuses for want of money is the result."""
    found = await approvals.approve(pool, clock, id_, TAKING, seen, by, _nothing_more)
    if found.result is not None:
        return found.result
    bill_id = parse(PREFIX, found.holds(Taking).bill)
    return await approvals.finish(pool, clock, found, await take(pool, ledger, clock, book, bill_id))


@dataclass(frozen=True, slots=True)
class Bill:
    """A bill as people see it; fen."""

    id: UUID
    merchant: str
    month: date
    lines: int
    amount: int
    automatic: bool
    posted_at: datetime | None
    paid_at: datetime | None

    @property
    def shown(self) -> str:
        """Return its public id."""
        return prefixed(PREFIX, self.id)

    @property
    def state(self) -> str:
        """Return `made`, `posted` or `paid`."""
        return "paid" if self.paid_at else "posted" if self.posted_at else "made"


async def bill(pool: asyncpg.Pool, id_: UUID) -> tuple[Bill, Sequence[Any]] | None:
    """Return a bill and up to `MOST_LINES` of its lines, in their order; None if there is none."""
    row = await pool.fetchrow(queries.bill, id_)
    if row is None:
        return None
    return Bill(*(row[name] for name in Bill.__slots__)), await pool.fetch(queries.lines_of, id_, MOST_LINES)


async def bills(pool: asyncpg.Pool, merchant: str | None = None, month: date | None = None) -> list[Bill]:
    """Return up to 200 bills, the newest month first."""
    rows = await pool.fetch(queries.bills, merchant, month)
    return [Bill(*(row[name] for name in Bill.__slots__)) for row in rows]


async def _nothing_more(_connection: Any, _found: Proposal) -> None:
    """Whether the money is there is decided by the ledger."""
