"""VAT is taken out of the fee income of a month at its end (D6, 价税分离), once, under a stored voucher id.

tax = income × rate ÷ (1 + rate), rounded half up to the fen, on the month's income in one sum. The rate is a row of
`vat.csv`; whether it is the right one for a company's services is for its accountant to say.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.fees.arithmetic import MILLION
from zhangfang.fees.billing import PLATFORM, Book
from zhangfang.fees.month import end_of, not_over
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.money import share
from zhangfang.kernel.sql import load
from zhangfang.ledger import LedgerClient, Result, Transfer, exchanged, open_accounts, voucher

queries = load(__package__, "vat.sql")

TAX_OFFICE = "vat"  # the subject of 2221


class NotSeparated(ZhangfangError):
    """The tax of a month cannot be worked out yet; the text says why."""


@dataclass(frozen=True, slots=True)
class Separated:
    """A month's income with its tax, the tax, and the rate in parts per million. Fen."""

    month: date
    voucher: UUID
    income: int
    rate_ppm: int
    tax: int
    posted: bool


def tax_in(income: int, rate_ppm: int) -> int:
    """Return the tax that an income holds, in fen, rounded half up; of a negative income, with its sign."""
    tax = share(abs(income), rate_ppm, MILLION + rate_ppm)
    return tax if income >= 0 else -tax


def rate_on(day: date) -> int:
    """Return the rate of a day in parts per million."""
    return max(row for row in _rates() if row[0] <= day)[1]


@cache
def _rates() -> Sequence[tuple[date, int]]:
    text = resources.files(__package__ or "").joinpath("vat.csv").read_text("utf-8")
    rows = csv.DictReader(io.StringIO(text))
    return [(date.fromisoformat(row["effective_from"]), int(row["rate_ppm"])) for row in rows]


async def separate_vat(
    pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, book: Book, month: date
) -> Separated:
    """Take the VAT out of a month's fee income; again, it finds what it did. Raises `NotSeparated`.

    The caller has made sure that the month's days are booked. What is booked into the month after this is part of the
    next month's income. Months are separated one after the other.
    """
    if text := not_over(clock, month):
        raise NotSeparated(text)
    last, rate = end_of(month), rate_on(end_of(month))
    if await pool.fetchrow(queries.of_month, month) is None:
        income = await pool.fetchval(queries.income, last, month)
        figures = (new_id(clock), income, rate, tax_in(income, rate), clock.now())
        await pool.execute(queries.store, month, *figures)
    row = await pool.fetchrow(queries.of_month, month)
    if row["posted_at"] is None:
        await _post(pool, ledger, book, row, last)
        await pool.execute(queries.posted, month, clock.now())
    return Separated(month, row["voucher"], row["income"], row["rate_ppm"], row["tax"], True)


async def separated(pool: asyncpg.Pool, month: date) -> Separated | None:
    """Return what was separated for a month, None if nothing was yet."""
    row = await pool.fetchrow(queries.of_month, month)
    if row is None:
        return None
    figures = (row["income"], row["rate_ppm"], row["tax"])
    return Separated(month, row["voucher"], *figures, row["posted_at"] is not None)


async def _post(pool: asyncpg.Pool, ledger: LedgerClient, book: Book, row: Any, day: date) -> None:
    if not row["tax"]:
        return
    await open_accounts(ledger, {2221: TAX_OFFICE, 6001: PLATFORM})
    answers = (await book(pool, ledger, _lines(row, day))).answers
    assert all(answer.result in (Result.CREATED, Result.EXISTS) for answer in answers), (
        f"VAT of {day}: {answers}"
    )


def _lines(row: Any, day: date) -> list[Transfer]:
    who, fen = {6001: PLATFORM, 2221: TAX_OFFICE}, {"amount": abs(row["tax"])}
    made = voucher("D6", row["voucher"], subjects=who, amounts=fen, business_date=day, memo=row["voucher"])
    return made if row["tax"] > 0 else exchanged(made)
