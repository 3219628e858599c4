"""The files of a package, each from one statement or from the books themselves, written as a stream."""

import csv
import json
from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from zhangfang.closing.files import Month, days_of, summary, transfers_of_day
from zhangfang.kernel.sql import load
from zhangfang.ledger import CHART, Book

queries = load(__package__, "parts.sql")
_AT_ONCE = 2_000  # rows that one answer of the database holds
_ENTRIES: Final = (
    "shard", "seq", "transfer", "voucher", "line", "business_date", "posted_at", "book", "kind", "debit", "credit",
    "amount", "memo", "reverses",
)  # fmt: skip
_VOUCHERS: Final = ("voucher", "business_date", "first_seq", "summary", "lines", "amount", "memo", "reverses")
_BALANCES: Final = (
    "account", "book", "code", "zh", "en", "subject", "opening", "debit", "credit", "closing",
)  # fmt: skip


async def write_part(connection: Any, name: str, first: date, last: date, folder: Path) -> str:
    """Write the file of a statement: `<name>.jsonl` where it gives lines of JSON, otherwise `<name>.csv`."""
    statement = await connection.prepare(queries[name])
    columns = [column.name for column in statement.get_attributes()]
    lines = columns == ["line"]
    path = folder / f"{name}.{'jsonl' if lines else 'csv'}"
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        if not lines:
            writer.writerow(columns)
        async for row in statement.cursor(first, last, prefetch=_AT_ONCE):
            if lines:
                out.write(_canonical(row["line"]))
            else:
                writer.writerow(map(_text, row))
    return path.name


def _canonical(text: str) -> str:
    return json.dumps(json.loads(text), ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"


async def write_entries(connection: Any, first: date, last: date, folder: Path) -> None:
    """Write each posted transfer of the period, and beside it a row a voucher; amounts in fen."""
    with (
        (folder / "entries.csv").open("w", encoding="utf-8", newline="") as entries,
        (folder / "vouchers.csv").open("w", encoding="utf-8", newline="") as vouchers,
    ):
        lines, heads = (csv.writer(out, lineterminator="\n") for out in (entries, vouchers))
        lines.writerow(_ENTRIES)
        heads.writerow(_VOUCHERS)
        async for several in _vouchers(connection, first, last):
            lines.writerows(_entry(n, row) for n, row in enumerate(several, start=1))
            head, amount = several[0], sum(row["amount"] for row in several)
            heads.writerow(map(_text, (
                head["voucher"], head["business_date"], head["seq"], summary(head["kind"]), len(several), amount,
                head["memo"], head["reverses"],
            )))  # fmt: skip


async def _vouchers(connection: Any, first: date, last: date) -> AsyncIterator[list[Any]]:
    """Yield the transfers of each voucher and date, which follow one another in the ledger."""
    several: list[Any] = []
    for day in days_of(first, last):
        async for row in transfers_of_day(connection, day):
            if several and (row["voucher"], day) != (several[0]["voucher"], several[0]["business_date"]):
                yield several
                several = []
            several.append(row)
    if several:
        yield several


def _entry(n: int, row: Mapping[str, Any]) -> list[str]:
    values = (
        row["shard"], row["seq"], row["id"], row["voucher"], n, row["business_date"], row["posted_at"], row["book"],
        row["kind"], row["debit"], row["credit"], row["amount"], row["memo"], row["reverses"],
    )  # fmt: skip
    return [_text(value) for value in values]


def write_balances(month: Month, folder: Path) -> None:
    """Write each account with its opening, turnover and closing balance; fen, debit positive."""
    with (folder / "balances.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_BALANCES)
        for one in month.balances:
            chapter = CHART[one.code, Book(one.book)]
            writer.writerow((
                one.account, one.book, one.code, chapter.zh, chapter.en, one.subject,
                one.opening, one.debit, one.credit, one.closing,
            ))  # fmt: skip


def _text(value: Any) -> str:
    """Return a value as it stands in a CSV: moments in UTC to the microsecond, nothing as nothing."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S.%fZ}"
    return "" if value is None else str(value)
