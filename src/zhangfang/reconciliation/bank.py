"""The bank's statement: the only thing that moves a cash account. Each line is stored first, then booked once.

What a line is, is decided by what it carries: a channel's settlement text, the reference of a payout of ours, a
reversal of a line nobody could explain. Anything else is booked as unknown and opens a break.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from zhangfang.channels.port import AcquiringChannel, Answer, BankChannel, StatementLine, Verdict
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.payments import Desk, Intent, StepKind, weigh
from zhangfang.reconciliation import books
from zhangfang.reconciliation.files import open_break
from zhangfang.reconciliation.rules import MIRROR, BreakClass, unknown_bank_line

queries = load(__package__, "store.sql")

UNKNOWN = {True: BreakClass.UNKNOWN_RECEIPT, False: BreakClass.UNKNOWN_DEBIT}


@dataclass(frozen=True, slots=True)
class Account:
    """An account of ours: its `alias` in the ledger, its bank, and the channels that settle into it."""

    alias: str
    bank: BankChannel
    settled_by: tuple[AcquiringChannel, ...]


async def read(desk: Desk, account: Account) -> int:
    """Store all new lines of the statement and book every line that can be booked; return how many wait."""
    more = True
    while more:
        cursor = await desk.pool.fetchval(queries.cursor, account.alias) or ""
        page = await account.bank.statement(account.bank.account, cursor)
        rows = [_row(desk, line) for line in page.lines]
        async with desk.pool.acquire() as connection, connection.transaction():
            if rows:
                columns = [list(column) for column in zip(*rows, strict=True)]
                await connection.execute(queries.add_bank_lines, account.alias, *columns)
            await connection.execute(queries.keep_cursor, account.alias, page.cursor, desk.clock.now())
        more = page.more
    return await book(desk, account)


def _row(desk: Desk, line: StatementLine) -> tuple[Any, ...]:
    return (
        line.sequence, line.booked_at, china_day(line.booked_at), line.amount, line.credit, line.balance,
        line.reference, line.request_no, line.counterparty, line.text, line.reversal, line.raw,
        new_id(desk.clock),
    )  # fmt: skip


async def book(desk: Desk, account: Account) -> int:
    """Book stored lines in the bank's order; return how many have to wait for a channel's file."""
    waiting = 0
    for line in await desk.pool.fetch(queries.unposted_lines, account.alias):
        waiting += not await _book_line(desk, account, line)
    return waiting


async def _book_line(desk: Desk, account: Account, line: Any) -> bool:
    for channel in account.settled_by:
        settled = channel.settlement_of(line["text"])
        if settled is not None:
            return await _settlement(desk, account, channel.name, settled, line)
    if line["reference"]:
        row = await desk.pool.fetchrow(queries.intent_of_reference, account.bank.name, line["reference"])
        if row is not None:
            return await _payout(desk, account, Intent.of(row), line)
    return await _unknown(desk, account, line)


async def _settlement(desk: Desk, account: Account, channel: str, settled: date, line: Any) -> bool:
    """S5 or S9: the channel's net position of one date arrives. It waits for that date's file, which has its fee."""
    file = await desk.pool.fetchrow(queries.get_file, channel, settled)
    if file is None or file["matched_at"] is None:
        return False
    names = books.subjects(account.alias, channel)
    template = "S5" if line["credit"] else "S9"
    fee = file["fee_fen"]
    day = line["business_date"]
    amounts = {"N": line["amount"], "K": fee, "amount": line["amount"]}
    await books.book(desk, books.lines(template, file["arrival_voucher"], names, day, **amounts))
    signed = line["amount"] if line["credit"] else -line["amount"]
    async with desk.pool.acquire() as connection, connection.transaction():
        if signed != file["net_fen"]:
            differs = unknown_bank_line(line)
            differs = replace(
                differs, kind=BreakClass.AMOUNT_DIFFERS, ours=file["net_fen"], theirs=signed, template=""
            )
            await open_break(desk, connection, channel, settled, differs)
        await connection.execute(queries.arrived, channel, settled, desk.clock.now(), line["sequence"])
        await _posted(desk, connection, account, line, template)
    return True


async def _payout(desk: Desk, account: Account, intent: Intent, line: Any) -> bool:
    """O5: a payout left the bank; O8: it came back. Either line proves what it shows."""
    back = line["credit"]
    verdict = Verdict.RETURNED if back else Verdict.SUCCESS
    answer = Answer(
        verdict,
        channel_ref=line["request_no"],
        amount=line["amount"],
        message=f"line {line['sequence']} of the statement of {line['business_date']}",
    )
    await weigh(desk, intent, StepKind.BANK, answer)
    template = "O8" if back else "O5"
    names = books.subjects(account.alias, intent.channel)
    made = books.lines(
        template, line["voucher"], names, line["business_date"], memo=intent.id, N=line["amount"]
    )
    await books.book(desk, made)
    async with desk.pool.acquire() as connection, connection.transaction():
        await connection.execute(queries.intent_arrived, intent.id, line["sequence"])
        await _posted(desk, connection, account, line, template, intent.id)
    return True


async def _unknown(desk: Desk, account: Account, line: Any) -> bool:
    """A reversal of the one unexplained line with its amount cures that; any other line opens a break of its own."""
    key = line["sequence"]
    if line["reversal"]:
        signed = line["amount"] if line["credit"] else -line["amount"]
        kind = [UNKNOWN[not line["credit"]]]
        candidates = await desk.pool.fetch(queries.open_bank_breaks, account.alias, kind, -signed)
        if len(candidates) == 1:
            return await _reversed(desk, account, candidates[0], line)
    async with desk.pool.acquire() as connection, connection.transaction():
        await open_break(desk, connection, account.alias, line["business_date"], unknown_bank_line(line))
    opened = await desk.pool.fetchrow(queries.break_of_line, account.alias, [UNKNOWN[line["credit"]]], key)
    assert opened is not None, "a break is stored before it is booked"
    await books.book(desk, books.disputed(opened, account.alias))
    await _posted(desk, desk.pool, account, line, opened["template"])
    return True


async def _reversed(desk: Desk, account: Account, opened: Any, line: Any) -> bool:
    await desk.pool.execute(queries.cure_break, opened["id"], MIRROR, line["business_date"])
    row = await desk.pool.fetchrow(queries.get_break, opened["id"])
    assert row is not None, "a break is never deleted"
    await books.book(desk, books.cure(row, account.alias))
    async with desk.pool.acquire() as connection, connection.transaction():
        by = f"line {line['sequence']} of the statement"
        await connection.execute(queries.clear_break, opened["id"], desk.clock.now(), by)
        await _posted(desk, connection, account, line, f"{opened['template']} mirrored")
    return True


async def _posted(
    desk: Desk, connection: Any, account: Account, line: Any, template: str, intent: UUID | None = None
) -> None:
    await connection.execute(
        queries.posted_line, account.alias, line["sequence"], template, intent, desk.clock.now()
    )
