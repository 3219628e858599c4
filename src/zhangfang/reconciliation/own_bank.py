"""The statement of the company's own bank account (1002), which people bring. Each line is stored first, then booked once.

A credit pays a fee bill (F4.bank) or brings a withdrawal (D5.own), a debit sends an announced top-up or prefunding (D3). Any
other line is the company's other business: it is booked against 2241 (OX), and people move it from there by an adjustment,
such as a channel's bill to 2202. So 1002 always equals the bank's balance.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from zhangfang import fees
from zhangfang.channels.port import StatementLine
from zhangfang.kernel.sql import load
from zhangfang.ledger import NO_ID, PLATFORM
from zhangfang.payments import Desk
from zhangfang.reconciliation import books

queries = load(__package__, "own_bank.sql")
stored = load(__package__, "store.sql")

OWN = "own"
"""The alias of the company's own account, and the subject of its 1002."""
OPENING = "opening"  # the number of the line that the first statement's opening balance becomes
NAMES = {1002: OWN, 2241: OWN, 1225: PLATFORM}


def opened(lines: Sequence[StatementLine], opening: int) -> list[StatementLine]:
    """Return the lines of the account's first statement, with its opening balance as a line before them."""
    if not opening:
        return list(lines)
    first = lines[0]
    at, fen = first.booked_at - timedelta(seconds=1), abs(opening)
    return [
        StatementLine(first.account, OPENING, at, fen, opening > 0, opening, text="opening balance"),
        *lines,
    ]


async def book_own(desk: Desk) -> int:
    """Book the stored lines in the bank's order; return how many wait: none ever does."""
    for line in await desk.pool.fetch(stored.unposted_lines, OWN):
        if await _bill(desk, line):
            continue
        template, intent, memo = await _what(desk, line)
        amount, day = line["amount"], line["business_date"]
        made = books.lines(template, line["voucher"], NAMES, day, memo=memo, amount=amount)
        await books.book(desk.pool, desk.ledger, made)
        await desk.pool.execute(stored.posted_line, OWN, line["sequence"], template, intent, desk.clock.now())
    return 0


async def _bill(desk: Desk, line: Any) -> bool:
    """Book a line that pays a fee bill (F4.bank); False if it pays none."""
    one = await fees.paid_by(desk.pool, line, f"{OWN}/{line['sequence']}") if line["credit"] else None
    if one is None:
        return False
    names, day, id_ = NAMES | {1122: one.merchant}, line["business_date"], line["voucher"]
    made = books.lines("F4.bank", id_, names, day, memo=one.bill, F=line["amount"])
    await books.book(desk.pool, desk.ledger, made)
    await fees.arrived(desk.pool, desk.clock, one, id_)
    await desk.pool.execute(stored.posted_line, OWN, line["sequence"], "F4.bank", None, desk.clock.now())
    return True


async def _what(desk: Desk, line: Any) -> tuple[str, UUID | None, UUID]:
    """Return the template of a line, the withdrawal that it brings, and what its voucher is about."""
    if line["credit"]:
        found = await desk.pool.fetchval(queries.arriving, line["amount"], line["reference"])
        return ("D5.own", found, found) if found else ("OX", None, NO_ID)
    sent = await desk.pool.fetchval(queries.claim_sent, line["amount"], f"line {line['sequence']} of {OWN}")
    return ("D3", None, sent) if sent else ("OX-", None, NO_ID)
