"""Writes the books of several dates into a folder: the journal as CSV, and what people read as XLSX and PDF."""

import asyncio
import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import asyncpg
import duckdb

from zhangfang.closing.files import sheets
from zhangfang.closing.files.journal import Tell, read_journal, write_journal
from zhangfang.closing.files.month import Month, read_month
from zhangfang.papers import Paper, TooLong, write

JOURNAL = "journal.csv"
FORMS = ("xlsx", "pdf")
Leg = dict[str, str]


@dataclass(slots=True)
class Written:
    """The files that were written, how many vouchers they have, and the papers that were too long for their form."""

    files: list[Path] = field(default_factory=list)
    vouchers: int = 0
    too_long: list[str] = field(default_factory=list)


async def export_books(pool: asyncpg.Pool, first: date, last: date, folder: Path, tell: Tell) -> Written:
    """Write the books of the dates from `first` to `last`, as they stand at one moment, into a folder.

    `tell` hears of each date and paper that is done. A paper with too many rows for a form is left out and named.
    """
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    made = Written([folder / JOURNAL])
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        month = await read_month(connection, first, last)
        made.vouchers = await write_journal(connection, first, last, folder / JOURNAL, tell)
    for name, paper in _PAPERS.items():
        for form in FORMS:
            _write(made, folder / f"{name}.{form}", form, paper(month, folder / JOURNAL))
        tell(name, 1)
    return made


_PAPERS: Mapping[str, Callable[[Month, Path], Paper]] = {
    "trial-balance": lambda month, _: sheets.trial_balance(month),
    "general-ledger": lambda month, _: sheets.general_ledger(month),
    "subsidiary-ledger": lambda month, journal: sheets.subsidiary_ledger(month, _by_account(journal)),
    "vouchers": lambda month, journal: sheets.vouchers(month, read_journal(journal)),
}
PARTS = tuple(_PAPERS)


def _write(made: Written, path: Path, form: str, paper: Paper) -> None:
    try:
        with path.open("wb") as out:
            write(form, paper, out)
    except TooLong:
        path.unlink()
        made.too_long.append(path.name)
    else:
        made.files.append(path)


def _by_account(journal: Path) -> Iterator[Leg]:
    """Yield the journal's rows sorted by account. The sort may be larger than memory: it is done on disk."""
    by_account = journal.with_suffix(".sorted")
    with duckdb.connect() as db:
        rows = db.read_csv(str(journal), header=True, all_varchar=True)
        sorted_ = rows.order("book::int, account::int, subject, number::bigint")
        sorted_.write_csv(str(by_account), header=True)
    try:
        with by_account.open(encoding="utf-8", newline="") as lines:
            yield from csv.DictReader(lines)
    finally:
        by_account.unlink()
