"""A merchant's statement of one business date: opening, each movement with the balance after it, closing.

It is read from the ledger and released when the day is closed, so that its lines can no longer change. CSV is for
machines (UTF-8 with BOM, so that a spreadsheet reads the Chinese), XLSX for people.
"""

import asyncio
import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import asyncpg
import xlsxwriter

from zhangfang.kernel.clock import Clock, in_china
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.sheets import safe
from zhangfang.kernel.sql import load
from zhangfang.ledger import account_name, kind_name

queries = load(__package__, "store.sql")

HEADINGS = (
    "序号 No.", "时间 Time", "科目 Account", "摘要 Movement", "单号 Order", "借 Debit", "贷 Credit", "余额 Balance",
)  # fmt: skip
WIDTHS = (9, 20, 14, 34, 36, 14, 14, 16)
_TOGETHER = 200  # merchants whose lines one query reads
_TEXTS = {"strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}


@dataclass(frozen=True, slots=True)
class Line:
    """One movement. Amounts, and the merchant's total balance after it, are in fen."""

    seq: int
    time: str
    account: str
    movement: str
    order_no: str
    debit: int
    credit: int
    balance: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A merchant's movements of one business date; amounts in fen."""

    merchant: str
    name: str
    day: date
    opening: int
    lines: Sequence[Line]
    closing: int


async def statement(pool: asyncpg.Pool, merchant: str, name: str, day: date) -> Statement:
    """Read a merchant's statement from the ledger. A transfer between the merchant's own accounts makes two lines."""
    (made,) = await _read(pool, {merchant: name}, day, await _openings(pool, day, merchant))
    return made


async def _openings(pool: asyncpg.Pool, day: date, merchant: str | None = None) -> dict[str, int]:
    rows = await pool.fetch(queries.openings, day, merchant)
    return {row["merchant"]: row["opening"] for row in rows}


async def _read(
    pool: asyncpg.Pool, names: Mapping[str, str], day: date, openings: Mapping[str, int]
) -> list[Statement]:
    """Read the statements of several merchants at once, so that entries without an account page are scanned only once."""
    rows = await pool.fetch(queries.statement_lines, list(names), day)
    found = {merchant: list(several) for merchant, several in groupby(rows, key=lambda row: row["merchant"])}
    return [
        _statement(merchant, name, day, openings.get(merchant, 0), found.get(merchant, ()))
        for merchant, name in names.items()
    ]


def _statement(merchant: str, name: str, day: date, opening: int, rows: Sequence[Any]) -> Statement:
    balance, lines = opening, []
    for row in rows:
        balance += row["credit"] - row["debit"]
        lines.append(_line(row, balance))
    return Statement(merchant, name, day, opening, lines, balance)


def _line(row: Any, balance: int) -> Line:
    return Line(
        seq=row["seq"],
        time=f"{in_china(row['posted_at']):%Y-%m-%d %H:%M:%S}",
        account=account_name(row["code"]),
        movement=kind_name(row["kind"]),
        order_no=row["order_no"] or "",
        debit=row["debit"],
        credit=row["credit"],
        balance=balance,
    )


async def release(pool: asyncpg.Pool, clock: Clock, day: date, folder: Path) -> int:
    """Write the statements of all merchants for a closed `day` below `folder`; return how many there are."""
    here = folder / day.isoformat()
    here.mkdir(parents=True, exist_ok=True)
    seq = await pool.fetchval(queries.head_seq)
    merchants = await pool.fetch(queries.merchants, clock.now())
    openings = await _openings(pool, day)
    for first in range(0, len(merchants), _TOGETHER):
        stems = {row["id"]: row["external_ref"] or row["id"] for row in merchants[first : first + _TOGETHER]}
        names = {row["id"]: row["name"] for row in merchants[first : first + _TOGETHER]}
        for made in await _read(pool, names, day, openings):
            await _release(pool, clock, made, here / stems[made.merchant], seq)
    return len(merchants)


async def _release(pool: asyncpg.Pool, clock: Clock, made: Statement, stem: Path, seq: int) -> None:
    digest = await asyncio.to_thread(_write, made, stem)  # a large one takes seconds
    await pool.execute(
        queries.add_statement, made.merchant, made.day, made.opening, made.closing, len(made.lines), seq, digest,
        clock.now(),
    )  # fmt: skip


def _write(made: Statement, stem: Path) -> str:
    """Write both files; return the digest of the CSV."""
    text = as_csv(made)
    stem.with_name(f"{stem.name}.csv").write_text(text, "utf-8")
    write_xlsx(made, stem.with_name(f"{stem.name}.xlsx"))
    return hashlib.sha256(text.encode()).hexdigest()


def as_csv(made: Statement) -> str:
    """Return the statement as CSV with a byte order mark."""
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.writer(out)
    writer.writerow(
        ("商户 Merchant", safe(made.name), made.merchant, "业务日 Business date", made.day.isoformat())
    )
    writer.writerow(HEADINGS)
    writer.writerow(("", "", "", "期初余额 Opening", "", "", "", fen_to_yuan(made.opening)))
    for line in made.lines:
        writer.writerow(_cells(line))
    writer.writerow(("", "", "", "期末余额 Closing", "", *_totals(made), fen_to_yuan(made.closing)))
    return out.getvalue()


def _cells(line: Line) -> tuple[str, ...]:
    debit = fen_to_yuan(line.debit) if line.debit else ""
    credit = fen_to_yuan(line.credit) if line.credit else ""
    who = (str(line.seq), line.time, line.account, line.movement, safe(line.order_no))
    return (*who, debit, credit, fen_to_yuan(line.balance))


def _totals(made: Statement) -> tuple[str, str]:
    debit, credit = sum(line.debit for line in made.lines), sum(line.credit for line in made.lines)
    return fen_to_yuan(debit), fen_to_yuan(credit)


def write_xlsx(made: Statement, path: Path) -> None:
    """Write the statement as a workbook: texts as texts, amounts as numbers with two decimals."""
    book = xlsxwriter.Workbook(str(path), _TEXTS)
    sheet = book.add_worksheet(made.day.isoformat())
    bold, money = book.add_format({"bold": True}), book.add_format({"num_format": "#,##0.00"})
    for column, width in enumerate(WIDTHS):
        sheet.set_column(column, column, width)
    sheet.write_row(
        0, 0, ("商户 Merchant", made.name, made.merchant, "业务日 Business date", made.day.isoformat())
    )
    sheet.write_row(1, 0, HEADINGS, bold)
    sheet.write_string(2, 3, "期初余额 Opening")
    _money(sheet, 2, 7, made.opening, money)
    for n, line in enumerate(made.lines, start=3):
        sheet.write_row(n, 0, (str(line.seq), line.time, line.account, line.movement, line.order_no))
        for column, fen in ((5, line.debit), (6, line.credit), (7, line.balance)):
            if fen or column == 7:
                _money(sheet, n, column, fen, money)
    last = 3 + len(made.lines)
    sheet.write_string(last, 3, "期末余额 Closing", bold)
    _money(sheet, last, 7, made.closing, money)
    sheet.freeze_panes(2, 0)
    book.close()


def _money(sheet: Any, row: int, column: int, fen: int, form: Any) -> None:
    """Write an amount as a double, a spreadsheet's only number: exact for fen below 2^53. It is only for reading."""
    sheet.write_number(row, column, fen / 100, form)
