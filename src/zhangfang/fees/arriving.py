"""A bill that its merchant pays by bank transfer (F4.bank): which bill a line of the company's own account pays.

It has the line's amount, and the line names it, or comes from its merchant, which has no other open bill of this amount.
"""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.fees.billing import PREFIX, queries
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import parse

_NAMED = re.compile(rf"{PREFIX}_[0-9a-z]{{26}}")


@dataclass(frozen=True, slots=True)
class Paid:
    """The bill that a line pays, and whose it is."""

    bill: UUID
    merchant: str


async def paid_by(pool: asyncpg.Pool, line: Any, name: str) -> Paid | None:
    """Return the bill that a credit pays, None for none; the bill is the line's from then on, also after a crash.

    `name` is what the line is called with the bill. It has `amount`, `text`, `reference`, `counterparty` and `voucher`.
    """
    row = await pool.fetchrow(
        queries.claim, line["amount"], _ids(f"{line['text']} {line['reference']}"), line["counterparty"], name,
        line["voucher"],
    )  # fmt: skip
    return Paid(row["id"], row["merchant"]) if row else None


async def arrived(pool: asyncpg.Pool, clock: Clock, one: Paid, voucher: UUID) -> None:
    """Note that the voucher of a bill's line is booked."""
    await pool.execute(queries.paid, one.bill, clock.now(), voucher)


def _ids(text: str) -> list[UUID]:
    """Return the ids of bills that stand in a text."""
    found = []
    for one in _NAMED.findall(text.lower()):
        try:
            found.append(parse(PREFIX, one))
        except InvalidInput:  # it only looks like one
            continue
    return found
