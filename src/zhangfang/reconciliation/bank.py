"""The bank's statement, which alone moves a cash account. Each line is stored first, then booked once.

A line is recognised by what it carries: a channel's settlement text, the reference of a payout of ours, the reversal of an
unexplained line, or what a declared rule looks for. Any other line is booked as unknown and opens a break.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.channels.port import (
    AcquiringChannel,
    Answer,
    BankChannel,
    MalformedMessage,
    StatementLine,
    Verdict,
)
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.ledger import LedgerClient, Transfer
from zhangfang.payments import Desk, Intent, State, StepKind, weigh
from zhangfang.reconciliation import books, declared
from zhangfang.reconciliation.files import open_break
from zhangfang.reconciliation.rules import (
    MIRROR,
    UNKNOWN,
    BreakClass,
    NewBreak,
    payouts_line,
    settlement_differs,
    signed,
    unknown_bank_line,
)

queries = load(__package__, "store.sql")


@dataclass(frozen=True, slots=True)
class Account:
    """An account of ours: its `alias` in the ledger, its bank, and the channels that settle into it."""

    alias: str
    bank: BankChannel
    settled_by: tuple[AcquiringChannel, ...]


async def read(desk: Desk, account: Account) -> int:
    """Store all new lines of the statement and book what can be booked. Return the number of lines that wait."""
    more = True
    while more:
        cursor = await desk.pool.fetchval(queries.cursor, account.alias) or ""
        page = await account.bank.statement(account.bank.account, cursor)
        if page.more and page.cursor == cursor:
            raise MalformedMessage(f"statement of {account.alias}: more lines, but the same cursor")
        async with desk.pool.acquire() as connection, connection.transaction():
            await add_lines(connection, desk.clock, account.alias, page.lines)
            await connection.execute(queries.keep_cursor, account.alias, page.cursor, desk.clock.now())
        more = page.more
    return await book_lines(desk, account)


async def add_lines(connection: Any, clock: Clock, alias: str, lines: Sequence[StatementLine]) -> None:
    """Store lines of a statement with the ids of their vouchers; those that are stored already do not change."""
    if rows := [_row(clock, line) for line in lines]:
        columns = [list(column) for column in zip(*rows, strict=True)]
        await connection.execute(queries.add_bank_lines, alias, *columns)


def _row(clock: Clock, line: StatementLine) -> tuple[Any, ...]:
    return (
        line.sequence, line.booked_at, china_day(line.booked_at), line.amount, line.credit, line.balance,
        line.reference, line.request_no, line.counterparty, line.text, line.reversal, line.raw,
        new_id(clock),
    )  # fmt: skip


async def book_lines(desk: Desk, account: Account) -> int:
    """Book stored lines in the bank's order. Return the number of lines that wait for a channel's file."""
    waiting = 0
    for line in await desk.pool.fetch(queries.unposted_lines, account.alias):
        waiting += not await _book_line(desk, account, line)
    return waiting


async def _book_line(desk: Desk, account: Account, line: Any) -> bool:
    for channel in account.settled_by:
        settled = channel.settlement_of(line["text"])
        if settled is not None:
            return await _settlement(desk.pool, desk.ledger, desk.clock, account, channel.name, settled, line)
    if line["reference"]:
        row = await desk.pool.fetchrow(queries.intent_of_reference, account.bank.name, line["reference"])
        if row is not None:
            return await _payout(desk, account, Intent.of(row), line)
    if not line["reversal"]:
        if line["credit"] and (
            entry := await desk.pool.fetchrow(queries.claim_announced, line["amount"], _named(account, line))
        ):
            return await _announced(desk, account, entry, line)
        return await _declared(desk.pool, desk.ledger, desk.clock, account, line)
    return await _unknown(desk.pool, desk.ledger, desk.clock, account, unknown_bank_line(line), line)


ANNOUNCED = {
    "top_up": "D3.reserve",
    "prefunding": "D7",
    "interest": "I1",
}  # by the kind of the register's entry


async def _announced(desk: Desk, account: Account, entry: Any, line: Any) -> bool:
    """Own funds bring what they owe the reserve or are to lie there, or it bears interest: as two people have announced."""
    names, day, template = (
        books.subjects(account.alias, account.bank.name),
        line["business_date"],
        ANNOUNCED[entry["kind"]],
    )
    made = books.lines(template, line["voucher"], names, day, memo=entry["id"], amount=line["amount"])
    await books.book(desk.pool, desk.ledger, made)
    async with desk.pool.acquire() as connection, connection.transaction():
        now = desk.clock.now()
        await connection.execute(queries.announced_arrived, entry["id"], _named(account, line), now)
        await _mark_posted(desk.clock, connection, account, line, template)
    return True


def _named(account: Account, line: Any) -> str:
    return f"line {line['sequence']} of {account.alias}"


async def _settlement(
    pool: asyncpg.Pool,
    ledger: LedgerClient,
    clock: Clock,
    account: Account,
    channel: str,
    settled: date,
    line: Any,
) -> bool:
    """S5 or S9: the channel pays, or takes, its net amount of one date. The line waits for that date's file with its fee.

    A difference from the file's net amount becomes a break, so that the date's balance in 3012 is zero in any case.
    """
    file = await pool.fetchrow(queries.get_file, channel, settled)
    if file is None or file["matched_at"] is None:
        return False
    if file["arrived_at"] is not None:
        return await _further_line(pool, ledger, clock, account, channel, settled, line)
    template = await _arrive(pool, ledger, account, channel, line, file["arrival_voucher"], file["fee_fen"])
    if signed(line) != file["net_fen"]:
        opened = await _open(
            pool, clock, channel, settled, settlement_differs(line, settled, file["net_fen"])
        )
        await books.book(pool, ledger, books.disputed(opened, account.alias))
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(queries.arrived, channel, settled, clock.now(), line["sequence"])
        await _mark_posted(clock, connection, account, line, template)
    return True


async def _arrive(
    pool: asyncpg.Pool,
    ledger: LedgerClient,
    account: Account,
    channel: str,
    line: Any,
    voucher: UUID,
    fee: int,
) -> str:
    template = "S5" if line["credit"] else "S9"
    names = books.subjects(account.alias, channel)
    made = books.with_fee(template, voucher, names, line["business_date"], fee=fee, net=line["amount"])
    await books.book(pool, ledger, made)
    return template


async def _further_line(
    pool: asyncpg.Pool,
    ledger: LedgerClient,
    clock: Clock,
    account: Account,
    channel: str,
    settled: date,
    line: Any,
) -> bool:
    """Book a further line for a settled date. It pays what was missing in the first line, or it is unexplained."""
    opened = await _break_cured_by(pool, channel, BreakClass.AMOUNT_DIFFERS, line, settled)
    if opened is None:
        note = f"the settlement of {settled} has arrived already"
        return await _unknown(pool, ledger, clock, account, unknown_bank_line(line, note=note), line)
    template = await _arrive(pool, ledger, account, channel, line, line["voucher"], 0)
    return await _cure(pool, ledger, clock, account, opened, line, template)


async def _declared(
    pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, account: Account, line: Any
) -> bool:
    """Book a line that pays several files by a declared rule: S5 or S9 for each. Any other line is unknown."""
    new, paid = unknown_bank_line(line), []
    if await pool.fetchrow(queries.break_of_line, account.alias, new.kind, new.key) is None:
        try:
            paid = await declared.files_of(pool, clock, account.alias, line)
        except declared.Waits:
            return False
        except declared.Several as several:
            new = unknown_bank_line(line, note=str(several))
    if not paid:
        return await _unknown(pool, ledger, clock, account, new, line)
    await books.book(pool, ledger, [one for file in paid for one in _arrival(account, file, line)])
    async with pool.acquire() as connection, connection.transaction():
        for file in paid:
            arrived = (file["channel"], file["settle_date"], clock.now(), line["sequence"])
            await connection.execute(queries.arrived, *arrived)
        await _mark_posted(clock, connection, account, line, "S5" if line["credit"] else "S9")
    return True


def _arrival(account: Account, file: Any, line: Any) -> list[Transfer]:
    names = books.subjects(account.alias, file["channel"])
    template, net = ("S5" if file["net_fen"] > 0 else "S9"), abs(file["net_fen"])
    return books.with_fee(
        template, file["arrival_voucher"], names, line["business_date"], fee=file["fee_fen"], net=net
    )


async def _payout(desk: Desk, account: Account, intent: Intent, line: Any) -> bool:
    """O5, D5: a payout left the bank; O8: it came back. A line proves either one once, and only for the whole amount."""
    back = line["credit"]
    template = payouts_line(intent.template, back=back)
    again = await desk.pool.fetchval(
        queries.on_another_line, intent.id, template, account.alias, line["sequence"]
    )
    if again or line["amount"] != intent.amount or not await _proven(desk, intent, line):
        note = f"not a {template} of payout {intent.channel_order_no}"
        return await _unknown(
            desk.pool, desk.ledger, desk.clock, account, unknown_bank_line(line, intent.id, note), line
        )
    names = books.subjects(account.alias, intent.channel)
    made = books.lines(
        template,
        line["voucher"],
        names,
        line["business_date"],
        memo=intent.id,
        N=line["amount"],
        amount=line["amount"],
    )
    await books.book(desk.pool, desk.ledger, made)
    async with desk.pool.acquire() as connection, connection.transaction():
        await connection.execute(queries.intent_arrived, intent.id, line["sequence"])
        await _mark_posted(desk.clock, connection, account, line, template, intent.id)
    return True


async def _proven(desk: Desk, intent: Intent, line: Any) -> bool:
    """Weigh the line as evidence. False if the payout did not end as the line shows: no money of it is in transit."""
    answer = Answer(
        Verdict.RETURNED if line["credit"] else Verdict.SUCCESS,
        channel_ref=line["request_no"],
        amount=line["amount"],
        message=f"line {line['sequence']} of the statement of {line['business_date']}",
    )
    await weigh(desk, intent, StepKind.BANK, answer)
    now = await desk.journal.reload(intent.id)
    return now.returned_at is not None if line["credit"] else now.state is State.SUCCESS


async def _unknown(
    pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, account: Account, new: NewBreak, line: Any
) -> bool:
    """Book an unexplained line. It cures a break if it reverses the only open one of its amount, else it opens one."""
    if line["reversal"]:
        undone = await _break_cured_by(pool, account.alias, UNKNOWN[not line["credit"]], line)
        if undone is not None:
            return await _cure(pool, ledger, clock, account, undone, line, f"{undone['template']} mirrored")
    opened = await _open(pool, clock, account.alias, line["business_date"], new)
    await books.book(pool, ledger, books.disputed(opened, account.alias))
    async with pool.acquire() as connection, connection.transaction():
        now, day = clock.now(), line["business_date"]
        await connection.execute(queries.answer_contradictions, account.bank.name, day, now, _by(line))
        await _mark_posted(clock, connection, account, line, new.template)
    return True


async def _open(pool: asyncpg.Pool, clock: Clock, channel: str, day: date, new: NewBreak) -> Any:
    """Store a break, unless that was done before a crash; return its row."""
    await open_break(clock, pool, channel, day, new)
    row = await pool.fetchrow(queries.break_of_line, channel, new.kind, new.key)
    assert row is not None, "a break is stored before it is booked"
    return row


async def _break_cured_by(
    pool: asyncpg.Pool, channel: str, kind: BreakClass, line: Any, settled: date | None = None
) -> Any | None:
    """Return the one break that this line cures, and mark it so. None if there is no such break or more than one."""
    found = await pool.fetch(queries.undone_by_line, channel, kind, -signed(line), settled, _by(line))
    found = [row for row in found if row["cleared_by"] == _by(line)] or found
    if len(found) != 1:
        return None
    return await pool.fetchrow(queries.cure_by_line, found[0]["id"], MIRROR, line["business_date"], _by(line))


async def _cure(
    pool: asyncpg.Pool,
    ledger: LedgerClient,
    clock: Clock,
    account: Account,
    row: Any,
    line: Any,
    template: str,
) -> bool:
    await books.book(pool, ledger, books.cure(row, account.alias))
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(queries.clear_break, row["id"], clock.now(), _by(line))
        await _mark_posted(clock, connection, account, line, template)
    return True


async def _mark_posted(
    clock: Clock, connection: Any, account: Account, line: Any, template: str, intent: UUID | None = None
) -> None:
    await connection.execute(
        queries.posted_line, account.alias, line["sequence"], template, intent, clock.now()
    )


def _by(line: Any) -> str:
    return f"line {line['sequence']} of the statement"
