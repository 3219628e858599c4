"""The bank's statement, which alone moves a cash account. Each line is stored first, then booked once.

A line is recognised by what it carries: a channel's settlement text, the reference of a payout of ours, an announced top-up,
or what a declared rule looks for. Any other line is booked as unknown and opens a break, or ends the one that it reverses.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from zhangfang.channels.port import MalformedMessage, StatementLine
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id
from zhangfang.payments import Desk
from zhangfang.reconciliation.bank.model import Account, Booked, Booking, queries
from zhangfang.reconciliation.bank.payouts import announced, payout
from zhangfang.reconciliation.bank.settlements import settlement
from zhangfang.reconciliation.bank.together import declared
from zhangfang.reconciliation.bank.unknown import unknown
from zhangfang.reconciliation.rules import unknown_bank_line

WAYS: Final[Sequence[Callable[[Booking], Awaitable[Booked | None]]]] = (
    settlement,
    payout,
    announced,
    declared,
)
"""What may recognise a line, in this order; None says that it does not."""


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
    """Book stored lines in the bank's order, some with others. Return the number of lines that wait."""
    lines = await desk.pool.fetch(queries.unposted_lines, account.alias)
    booked: set[str] = set()
    for line in lines:
        if line["sequence"] not in booked:
            booked |= await _book_line(Booking(desk, account, line))
    return sum(line["sequence"] not in booked for line in lines)


async def _book_line(at: Booking) -> Booked:
    for way in WAYS:
        if (booked := await way(at)) is not None:
            return booked
    return await unknown(at, unknown_bank_line(at.line))
