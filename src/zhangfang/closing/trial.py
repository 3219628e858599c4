"""The trial balance (试算平衡表) of any business date: by code under the chart's headings, or by subject.

A row has six columns, as on the paper form: opening, turnover and closing, each as debit and credit. A heading's columns
are the sums of the columns of the rows below it, so that every column adds up.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import asyncpg

from zhangfang.kernel.sql import load
from zhangfang.ledger import CHART, Book, headings

queries = load(__package__, "trial.sql")

Columns = tuple[int, int, int, int, int, int]
NOTHING: Final[Columns] = (0, 0, 0, 0, 0, 0)
LEVELS: Final = ("class", "group")  # levels of the chart's headings, the widest first
BOTTOM: Final = frozenset({"code", "account"})  # the levels whose rows sum to the total of a book
COLUMNS: Final = ("opening_debit", "opening_credit", "debit", "credit", "closing_debit", "closing_credit")
BOOKS: Final = {1: "客户资金 Customers' money", 2: "自有资金 Own money", 3: "监管资金 Custodian's money"}
_WRONG: Final[Mapping[str, Callable[[int], bool]]] = {"Dr": lambda fen: fen < 0, "Cr": lambda fen: fen > 0}


@dataclass(frozen=True, slots=True)
class Balance:
    """An account (or, if `account` is None, all accounts of a code) over one business date, in fen; debit is positive."""

    book: int
    code: int
    subject: str
    account: UUID | None
    accounts: int
    opening: int
    debit: int
    credit: int

    @property
    def closing(self) -> int:
        """The balance after the date."""
        return self.opening + self.debit - self.credit


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the sheet. `level` is class, group, code, subject or account; `prefix` the first digits of its codes.

    `accounts` is the number of accounts that it sums, `abnormal` the number of those with a balance on the wrong side.
    """

    book: int
    level: str
    prefix: str
    name: tuple[str, str]  # zh, en
    subject: str
    account: UUID | None
    accounts: int
    abnormal: int
    columns: Columns


async def trial_balance(pool: asyncpg.Pool, day: date, code: int | None = None) -> tuple[Balance, ...]:
    """Return every account over the business date `day`, or those of one code of the chart."""
    return tuple(Balance(**row) for row in await pool.fetch(queries.trial_balance, day, code))


def by_code(balances: Iterable[Balance]) -> tuple[Balance, ...]:
    """Sum accounts (sorted by book and code) to one balance per code."""
    return tuple(_fold(list(several)) for _, several in groupby(balances, key=lambda b: (b.book, b.code)))


def _fold(several: list[Balance]) -> Balance:
    if len(several) == 1:
        return several[0]
    return replace(
        several[0],
        subject="",
        account=None,
        accounts=len(several),
        opening=sum(b.opening for b in several),
        debit=sum(b.debit for b in several),
        credit=sum(b.credit for b in several),
    )


def sides(balance: Balance) -> Columns:
    """Return the six columns of a balance."""
    opening, closing = balance.opening, balance.closing
    return max(opening, 0), max(-opening, 0), balance.debit, balance.credit, max(closing, 0), max(-closing, 0)


def totals(rows: Iterable[Columns]) -> Columns:
    """Return the sums of the six columns."""
    a, b, c, d, e, f = (sum(column) for column in zip(NOTHING, *rows, strict=True))
    return a, b, c, d, e, f


def is_abnormal(balance: Balance) -> bool:
    """Whether an account's closing balance is not on its normal side (余额方向异常)."""
    normal = CHART[balance.code, Book(balance.book)].normal
    return normal in _WRONG and _WRONG[normal](balance.closing)


def sheet_by_code(balances: Sequence[Balance]) -> tuple[Row, ...]:
    """Return one row per code, and a row with the sums above each group and class of the chart, book after book."""
    off = Counter((b.book, b.code) for b in balances if is_abnormal(b))
    rows = [replace(_row(b, "code"), abnormal=off[b.book, b.code]) for b in by_code(balances)]
    return tuple(_under_headings(rows))


def _under_headings(rows: Sequence[Row], depth: int = 0) -> Iterable[Row]:
    if depth == len(LEVELS):
        yield from rows
        return
    for _, grouped in groupby(rows, key=lambda row: (row.book, row.prefix[: depth + 1])):
        several = list(grouped)
        heading = headings(int(several[0].prefix))[depth]
        yield _above(several, LEVELS[depth], heading.prefix, (heading.zh, heading.en))
        yield from _under_headings(several, depth + 1)


def sheet_by_subject(balances: Sequence[Balance]) -> tuple[Row, ...]:
    """Return one row per subject (记账主体) with the sums of its accounts, followed by these, book after book."""
    ordered = sorted(balances, key=lambda b: (b.book, b.subject, b.code))
    rows: list[Row] = []
    for (_, subject), grouped in groupby(ordered, key=lambda b: (b.book, b.subject)):
        accounts = [_row(balance, "account") for balance in grouped]
        rows += [_above(accounts, "subject", "", (subject, subject), subject), *accounts]
    return tuple(rows)


def _row(balance: Balance, level: str) -> Row:
    chapter = CHART[balance.code, Book(balance.book)]
    return Row(
        balance.book, level, f"{balance.code}", (chapter.zh, chapter.en), balance.subject, balance.account,
        balance.accounts, int(is_abnormal(balance)), sides(balance),
    )  # fmt: skip


def _above(several: Sequence[Row], level: str, prefix: str, name: tuple[str, str], subject: str = "") -> Row:
    columns = totals(row.columns for row in several)
    accounts, abnormal = sum(row.accounts for row in several), sum(row.abnormal for row in several)
    return Row(several[0].book, level, prefix, name, subject, None, accounts, abnormal, columns)


def gap(balances: Iterable[Balance]) -> int:
    """Return debits minus credits of the book where they differ most, in fen; 0 if the books are right."""
    gaps = dict.fromkeys(BOOKS, 0)
    for balance in balances:
        gaps[balance.book] += balance.closing
    return max(gaps.values(), key=abs)


SHEETS: Final[Mapping[str, Callable[[Sequence[Balance]], tuple[Row, ...]]]] = {
    "code": sheet_by_code,
    "subject": sheet_by_subject,
}


def as_json(day: date, by: str, balances: Sequence[Balance]) -> dict[str, Any]:
    """Return the whole sheet as data, amounts in fen."""
    rows = SHEETS[by](balances)
    books = [_book_as_json(book, [row for row in rows if row.book == book]) for book in BOOKS]
    found = [book for book in books if book["rows"]]
    return {"date": day.isoformat(), "by": by, "unit": "fen", "gap": gap(balances), "books": found}


def _book_as_json(book: int, rows: Sequence[Row]) -> dict[str, Any]:
    total = total_of(rows)
    return {"book": BOOKS[book], "rows": [_row_as_json(row) for row in rows], "total": _named(total)}


def total_of(rows: Iterable[Row]) -> Columns:
    """Return the total of a book's rows, counting each account once."""
    return totals(row.columns for row in rows if row.level in BOTTOM)


def _row_as_json(row: Row) -> dict[str, Any]:
    zh, en = row.name
    what = {"level": row.level, "code": row.prefix, "zh": zh, "en": en, "subject": row.subject}
    return what | {"accounts": row.accounts, "abnormal": row.abnormal} | _named(row.columns)


def _named(columns: Columns) -> dict[str, int]:
    return dict(zip(COLUMNS, columns, strict=True))
